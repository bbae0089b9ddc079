package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleGguf;
import org.sparkqwen.job.testing.LocalSpark;

/// Every command takes a GGUF file, and gives what it gives for a directory with the same model.
class GgufCommandsTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void scoreGivesTheRowsOfTheDirectory() {
        assertThat(rows(LittleGguf.FILE, "score", LocalSpark.CORPUS, "--token-logprobs"))
                .hasSize(4)
                .isEqualTo(rows(LittleGguf.DIRECTORY, "score", LocalSpark.CORPUS, "--token-logprobs"));
    }

    @Test
    void generateGivesTheTextsOfTheDirectory() {
        String[] options = {"--max-new-tokens", "12", "--temperature", "1", "--seed", "5"};
        assertThat(rows(LittleGguf.FILE, "generate", LocalSpark.PROMPTS, options))
                .hasSize(4)
                .isEqualTo(rows(LittleGguf.DIRECTORY, "generate", LocalSpark.PROMPTS, options));
    }

    @Test
    @Tag("slow")
    void theChatTemplateIsThatOfTheMetadata() {
        String[] options = {"--chat", "--max-new-tokens", "5"};
        assertThat(rows(LittleGguf.FILE, "generate", LocalSpark.PROMPTS, options))
                .hasSize(4)
                .isEqualTo(rows(LittleGguf.DIRECTORY, "generate", LocalSpark.PROMPTS, options));
    }

    @Test
    void tokenizeGivesTheIdsOfTheDirectory() {
        List<String> expected = rows(LittleGguf.DIRECTORY, "tokenize", LocalSpark.CORPUS);
        assertThat(rows(LittleGguf.FILE, "tokenize", LocalSpark.CORPUS))
                .hasSize(4)
                .isEqualTo(expected);
    }

    /// A tokenizer that lies within a GGUF file elsewhere comes with the file.
    @Test
    void tokenizeTakesAGgufFromElsewhere() throws IOException {
        Path model = Files.copy(LittleGguf.FILE, directory.resolve("little.gguf"));
        assertThat(rows(Path.of("file:" + model), "tokenize", LocalSpark.CORPUS))
                .isEqualTo(rows(LittleGguf.DIRECTORY, "tokenize", LocalSpark.CORPUS));
    }

    @Test
    void inspectSaysWhatAGgufIs() {
        CommandRun run = run("inspect", "--model", LittleGguf.FILE);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .startsWith(LittleGguf.FILE + ": Qwen3\n")
                .contains("  shape        2 layers, hidden 32, intermediate 48, vocabulary 285, tied head\n")
                .contains("  end of text  [275, 273]\n")
                .contains("  weights      BF16, F32 in 1 file(s), 106.3 KiB on disk\n")
                .contains("  tokenizer    278 tokens\n")
                .contains("  tensors      all 24 are there\n")
                .contains("  packed       not in the cache " + cache());
    }

    @Test
    @Tag("slow")
    void packMakesADirectoryThatNeedsNoGguf() {
        Path packed = directory.resolve("packed");
        CommandRun run = run("pack", "--model", LittleGguf.FILE, "--output", packed, "--verify");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("Packed .*\\nChecked .*, every checksum is right\\n");
        assertThat(rows(packed, "score", LocalSpark.CORPUS))
                .isEqualTo(rows(LittleGguf.FILE, "score", LocalSpark.CORPUS));
    }

    @Test
    void inspectFindsWhatPackPutIntoTheCache() {
        CommandRun run = run("pack", "--model", LittleGguf.FILE);
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run("inspect", "--model", LittleGguf.FILE).out()).containsPattern("  packed  .* in the cache, /");
    }

    @Test
    void aDirectoryWithSeveralAsksForOne() throws IOException {
        Files.copy(LittleGguf.FILE, directory.resolve("a.gguf"));
        Files.copy(LittleGguf.FILE, directory.resolve("b.gguf"));
        run("inspect", "--model", directory)
                .assertRefused(1, directory + ": holds 2 GGUF models: a.gguf, b.gguf; name one of these files");
        run("inspect", "--model", directory.resolve("c.gguf")).assertRefused(1, "c.gguf: no such file");
    }

    private Path cache() {
        return directory.resolve("cache");
    }

    private CommandRun run(String command, Object... options) {
        String[] all = new String[options.length + 3];
        all[0] = command;
        for (int i = 0; i < options.length; i++) {
            all[i + 1] = options[i].toString();
        }
        all[options.length + 1] = "--cache-dir";
        all[options.length + 2] = cache().toString();
        return CommandRun.of(all);
    }

    /// Runs a job over four rows, and returns its output without the model's label.
    private List<String> rows(Path model, String command, String input, String... options) {
        String output = directory.resolve("out-" + System.nanoTime()).toString();
        String[] fixed = {
            command,
            "--model",
            model.toString(),
            "--input",
            input,
            "--limit",
            "4",
            "--columns",
            "id",
            "--output",
            output
        };
        String[] all = new String[fixed.length + options.length];
        System.arraycopy(fixed, 0, all, 0, fixed.length);
        System.arraycopy(options, 0, all, fixed.length, options.length);
        CommandRun run = CommandRun.of(all);
        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        Dataset<Row> rows = LocalSpark.session().read().parquet(output);
        assertThat(rows.filter("error is not null").count()).isZero();
        return LocalSpark.sorted(command.equals("tokenize") ? rows : rows.drop("model"));
    }
}
