package org.sparkqwen.job.cli;

import java.util.List;
import java.util.Set;

/// The groups in which `--help` shows options. They are the sections of docs/options.md, in the same order; a test
/// compares the two. Within a group the usual options come first.
enum OptionGroup {
    INPUT(
            "Input",
            Commands.OF_ROWS,
            "--input",
            "--input-format",
            "--input-option",
            "--input-table",
            "--input-sql",
            "--columns",
            "--limit"),
    DOCUMENTS(
            "Documents", Set.of("score", "embed", "tokenize"), "--text-column", "--tokens-column", "--special-tokens"),
    WINDOWS(
            "Windows",
            Set.of("score"),
            "--windows",
            "--context",
            "--stride",
            "--prefix",
            "--prompt-column",
            "--token-logprobs",
            "--min-k",
            "--entropy",
            "--top-logprobs",
            "--reference-model",
            "--summary-by"),
    BUCKETS("Buckets", Set.of("score"), "--buckets", "--buckets-of", "--buckets-by"),
    EMBEDDINGS("Embeddings", Set.of("embed"), "--prompt-name", "--instruction", "--dims", "--context"),
    PROMPTS(
            "Prompts",
            Set.of("generate", "classify"),
            "--prompt-column",
            "--template",
            "--tokens-column",
            "--special-tokens",
            "--samples",
            "--row-params",
            "--keep-special-tokens",
            "--logprobs"),
    CHAT(
            "Chat",
            Set.of("generate", "classify"),
            "--chat",
            "--system",
            "--messages-column",
            "--thinking",
            "--tools",
            "--continue-final-message"),
    LABELS(
            "Labels",
            Set.of("classify"),
            "--labels",
            "--labels-file",
            "--labels-column",
            "--numeric",
            "--context",
            "--as",
            "--query-column",
            "--document-column",
            "--instruction"),
    SAMPLING(
            "Sampling",
            Set.of("generate"),
            "--temperature",
            "--top-k",
            "--top-p",
            "--min-p",
            "--repetition-penalty",
            "--presence-penalty",
            "--frequency-penalty",
            "--logit-bias",
            "--no-repeat-ngram-size",
            "--bad-words-ids",
            "--suppress-tokens",
            "--begin-suppress-tokens",
            "--forced-eos-token-id",
            "--seed"),
    ENDINGS(
            "Endings",
            Set.of("generate"),
            "--max-new-tokens",
            "--min-new-tokens",
            "--stop",
            "--stop-token-id",
            "--ignore-eos",
            "--stop-repetition"),
    CONSTRAINTS("Constraints", Set.of("generate"), "--regex", "--json-schema", "--choices", "--schema-depth"),
    OUTPUT(
            "Output",
            Commands.OF_ROWS,
            "--output",
            "--output-table",
            "--output-format",
            "--output-option",
            "--target-file-size",
            "--report"),
    RUN(
            "Run",
            Commands.OF_ROWS,
            "--dry-run",
            "--probe",
            "--mode",
            "--checkpoint-rows",
            "--checkpoint-bytes",
            "--on-error",
            "--max-error-rate",
            "--conf"),
    MODEL("Model", Commands.OF_ROWS, "--model", "--lora", "--model-distribution", "--cache-dir", "--cache-size"),
    SPEED_AND_MEMORY(
            "Speed and memory",
            Set.of("score", "generate", "classify", "embed"),
            "--batch-tokens",
            "--max-sequences",
            "--threads",
            "--kv",
            "--weights",
            "--memory",
            "--device",
            "--allow-other-device",
            "--precision",
            "--kernels"),
    INSPECT_AND_PACK(
            "inspect and pack",
            Set.of("inspect", "pack"),
            "--model",
            "--lora",
            "--reference-model",
            "--cache-dir",
            "--output",
            "--weights",
            "--verify",
            "--verify-text",
            "--verify-tokens",
            "--device",
            "--device-memory",
            "--conf"),
    PLAN(
            "Plan",
            Set.of("inspect"),
            "--plan",
            "--input",
            "--input-format",
            "--text-column",
            "--hosts",
            "--cores",
            "--executors-per-host",
            "--bandwidth",
            "--losses-per-hour",
            "--cost-per-hour",
            "--model-distribution"),
    BENCH(
            "bench",
            Set.of("bench"),
            "--model",
            "--shape",
            "--layers",
            "--only",
            "--batch-tokens",
            "--document-tokens",
            "--sequences",
            "--seconds",
            "--threads",
            "--kv",
            "--weights",
            "--device",
            "--precision",
            "--kernels",
            "--cache-dir",
            "--json"),
    REPORT("report", Set.of("report"), "--by", "--compare", "--key", "--output", "--conf"),
    EVERY_COMMAND("Every command", Commands.ALL, "--verbose", "--help", "--version");

    private final String section;

    @SuppressWarnings("ImmutableEnumChecker") // nobody writes to it
    private final Set<String> commands;

    @SuppressWarnings("ImmutableEnumChecker") // nobody writes to it
    private final List<String> options;

    OptionGroup(String section, Set<String> commands, String... options) {
        this.section = section;
        this.commands = commands;
        this.options = List.of(options);
    }

    /// The section's title in docs/options.md.
    String section() {
        return section;
    }

    /// The title in `--help`. A section that is named after commands needs no other name within them.
    String heading() {
        return this == INSPECT_AND_PACK || this == BENCH || this == REPORT ? "Options" : section;
    }

    /// Whether the command, `spark-qwen` itself among them, shows this group. It may lack some of its options.
    boolean isOf(String command) {
        return commands.contains(command);
    }

    /// The long names, the usual ones first.
    List<String> options() {
        return options;
    }

    private static final class Commands {
        static final Set<String> OF_ROWS = Set.of("score", "generate", "classify", "embed", "tokenize");
        static final Set<String> ALL = Set.of(
                "spark-qwen",
                "score",
                "generate",
                "classify",
                "embed",
                "tokenize",
                "inspect",
                "pack",
                "bench",
                "report");
    }
}
