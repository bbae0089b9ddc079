package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.ScoreJobTest;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.progress.PackingDisplay;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// The command `pack` as a user sees it, and how other commands read its output.
class PackCommandTest {
    private static final String MODEL = LocalSpark.MODEL.toString();

    @TempDir
    private Path directory = Path.of("");

    @Test
    void packsIntoTheCacheOnceAndThenChecks() throws IOException {
        CommandRun first = run("pack", "--model", MODEL);
        assertThat(first.exitCode()).as(first.err()).isZero();
        Path file = packedFile();
        assertThat(first.out()).matches("Packed \\Q%s\\E: 0\\.02 GB in [0-9.]+ s, [0-9.]+ GB/s\\n".formatted(file));

        CommandRun second = run("pack", "--model", MODEL);
        assertThat(second.exitCode()).as(second.err()).isZero();
        assertThat(second.out())
                .startsWith("%s was there already%nChecked %s: 0.02 GB in ".formatted(file, file))
                .endsWith(" GB/s, every checksum is right\n");
    }

    @Test
    void verifyReadsBackWhatWasWritten() {
        CommandRun run = run("pack", "--model", MODEL, "--verify");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("Packed .*\\nChecked .*, every checksum is right\\n");
    }

    /// The model has 8 bits afterwards, and says how far it is from the published one.
    @Test
    void roundedWeightsAreComparedWithThePublishedOnes() throws IOException {
        Path packed = directory.resolve("tiny-int8");
        Path text = Files.writeString(directory.resolve("whale.txt"), "Call me Ishmael. Some years ago. ".repeat(9));
        CommandRun run = run(
                "pack",
                "--model",
                MODEL,
                "--weights",
                "int8",
                "--output",
                packed.toString(),
                "--verify",
                "--verify-text",
                text.toString());
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("Compared with the published weights on [0-9]+ tokens of \\Q%s\\E\n".formatted(text))
                .containsPattern("  divergence [0-9.e-]+ nats a token, at most [0-9.e-]+ for 99.9 % of them\n")
                .containsPattern("  perplexity [0-9.]+, which was [0-9.]+: [-+]0.[0-9]+ %\n")
                .containsPattern("  the same likeliest token for [0-9.]+ % of them\n");
        assertThat(run("inspect", "--model", packed.toString()).out())
                .containsPattern("weights      INT8, packed, ")
                .containsPattern("compared with the published weights on [0-9]+ tokens");
        assertThat(ModelReference.open(packed).label()).startsWith("tiny-int8@").endsWith("+int8");
        CommandRun refused = run("pack", "--model", MODEL, "--verify-text", text.toString());
        assertThat(refused.err()).contains("--verify-text belongs to --verify and --weights int8 or int4");
    }

    @Test
    void aDamagedFileIsNamed() throws IOException {
        run("pack", "--model", MODEL);
        Path file = packedFile();
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        assertThat(file.toFile().setWritable(true)).isTrue();
        Files.write(file, bytes);
        CommandRun run = run("pack", "--model", MODEL);
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err())
                .contains("spark-qwen pack: %s: tensor model.norm.weight is damaged".formatted(file))
                .contains("delete it")
                .doesNotContain("\tat ");
    }

    @Test
    void aPackedDirectoryIsAModelThatScoresTheSame() {
        String packed = directory.resolve("tiny-packed").toString();
        CommandRun run = run("pack", "--model", MODEL, "--output", packed);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).startsWith("Packed %s/weights.packed: ".formatted(packed));
        assertThat(Path.of(packed))
                .isDirectoryContaining("glob:**/config.json")
                .isDirectoryContaining("glob:**/tokenizer.json")
                .isDirectoryNotContaining("glob:**.safetensors*")
                .isDirectoryNotContaining("glob:**.tmp");

        ModelReference original = LocalSpark.model();
        ModelReference reference = ModelReference.open(Path.of(packed));
        assertThat(reference.sha256()).isNotEqualTo(original.sha256()); // nothing proves that they are the same
        assertThat(reference.label())
                .isEqualTo("tiny-packed@" + reference.sha256().substring(0, 12));
        var documents = LocalSpark.corpus().limit(8);
        String[] compared = {"id", "sum_nll", "token_logprobs", "error"};
        assertThat(LocalSpark.sorted(
                        ScoreJobTest.score(reference, documents, List.of("id")).selectExpr(compared)))
                .hasSize(8)
                .isEqualTo(LocalSpark.sorted(
                        ScoreJobTest.score(original, documents, List.of("id")).selectExpr(compared)));

        CommandRun check = run("pack", "--model", packed);
        assertThat(check.exitCode()).as(check.err()).isZero();
        assertThat(check.out()).startsWith("Checked %s/weights.packed: ".formatted(packed));
        CommandRun again = run(
                "pack", "--model", packed, "--output", directory.resolve("b").toString());
        assertRefused(again, 2, "--model %s is packed already; copy it to --output".formatted(packed));
    }

    @Test
    void inspectSaysWhatIsPacked() throws IOException {
        assertThat(run("inspect", "--model", MODEL).out()).contains("packed       not in the cache " + cache());
        run("pack", "--model", MODEL);
        CommandRun cached = run("inspect", "--model", MODEL);
        assertThat(cached.exitCode()).isZero();
        assertThat(cached.out()).contains("packed       16.4 MiB in the cache, " + packedFile());

        String packed = directory.resolve("packed").toString();
        run("pack", "--model", MODEL, "--output", packed);
        CommandRun run = run("inspect", "--model", packed);
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("weights      BF16, packed, 16.4 MiB on disk")
                .contains("tensors      all 90 are there")
                .contains("tokenizer    8,192 tokens");

        Path file = packedFile();
        assertThat(file.toFile().setWritable(true)).isTrue();
        Files.write(file, new byte[5000]);
        assertThat(run("inspect", "--model", MODEL).out())
                .contains("packed       %s: not a packed model".formatted(file));
    }

    @Test
    void nothingElseIsOverwritten() throws IOException {
        Path full = Files.createDirectory(directory.resolve("full"));
        Files.writeString(full.resolve("letter"), "to be kept");
        CommandRun run = run("pack", "--model", MODEL, "--output", full.toString());
        assertRefused(run, 2, "--output: %s is not empty, it holds letter".formatted(full));
        assertThat(full.resolve("letter")).hasContent("to be kept");
    }

    @Test
    void aCacheThatCannotBeWrittenIsNamed() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        CommandRun run = CommandRun.of("pack", "--model", MODEL, "--cache-dir", file + "/cache");
        assertRefused(run, 1, file + "/cache: cannot be written: ");
    }

    @Test
    void aModelThatCannotRunIsRefused() {
        assertRefused(run("pack", "--model", "/nowhere"), 1, "/nowhere: no such directory");
    }

    @Test
    void aTerminalShowsABar() {
        String drawn = shown(true);
        assertThat(drawn).contains("pack", "100%", "8/8 MB", "MB/s");
    }

    @Test
    void elsewhereThereAreLines() {
        assertThat(shown(false)).startsWith("pack: 0.0 of 0.0 GB (50 %), 0:00 left, ");
        assertThat(PackingDisplay.line("pack", 2_000_000_000, 8_000_000_000L, Duration.ofSeconds(4)))
                .isEqualTo("pack: 2.0 of 8.0 GB (25 %), 0:12 left, 0.50 GB/s");
        assertThat(PackingDisplay.line("pack", 1, 8_000_000_000L, Duration.ofMillis(1)))
                .startsWith("pack: 0.0 of 8.0 GB (0 %), ");
    }

    private static String shown(boolean terminal) {
        ByteArrayOutputStream drawn = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(drawn, true, StandardCharsets.UTF_8);
        try (PackingDisplay display = new PackingDisplay("pack", out, terminal, Duration.ZERO)) {
            display.start(8_000_000);
            display.advance(4_000_000);
            display.advance(4_000_000);
        }
        return drawn.toString(StandardCharsets.UTF_8);
    }

    private Path cache() {
        return directory.resolve("cache");
    }

    private Path packedFile() throws IOException {
        try (Stream<Path> content = Files.list(cache())) {
            List<Path> packed =
                    content.filter(path -> path.toString().endsWith(".packed")).toList();
            assertThat(packed).hasSize(1);
            return packed.getFirst();
        }
    }

    private CommandRun run(String... arguments) {
        return CommandRun.of(Stream.concat(Stream.of(arguments), Stream.of("--cache-dir", cache().toString()))
                .toArray(String[]::new));
    }

    private static void assertRefused(CommandRun run, int exitCode, String message) {
        assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(exitCode);
        assertThat(run.err().lines().findFirst())
                .hasValueSatisfying(line -> assertThat(line).startsWith("spark-qwen pack: " + message));
    }
}
