package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// What `--dry-run` says, compared with what a run then does.
class DryRunTest {
    private static final Pattern TOKENS = Pattern.compile("(?m)^  tokens +about ([\\d,]+)");

    @TempDir
    private Path directory;

    private String output() {
        return directory.resolve("out").toString();
    }

    private static CommandRun run(String... arguments) {
        CommandRun run = CommandRun.of(arguments);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run;
    }

    private static long tokens(CommandRun dry) {
        Matcher line = TOKENS.matcher(dry.out());
        assertThat(line.find()).as(dry.out()).isTrue();
        return Long.parseLong(line.group(1).replace(",", ""));
    }

    @Test
    void theForecastOfASmallInputHasItsExactTokensAndWritesNothing() throws IOException {
        String[] command = LittleModel.command("score", ShortCorpus.file(), output(), "--limit", "30");
        CommandRun dry = run(with(command, "--dry-run"));
        assertThat(directory).isEmptyDirectory();
        assertThat(dry.out())
                .contains("Dry run of score, which wrote nothing")
                .containsPattern("input +1 file of [\\d.]+ KiB, 30 rows")
                .containsPattern("columns +id, source, title, language, condition, text")
                .contains("out, which the run would begin")
                .containsPattern("weights +[\\d.]+ .iB, mapped once on each host; .*, so they fit")
                .containsPattern("their heap of [\\d.]+ .iB is enough")
                .containsPattern("sample +30 rows, of which none would be rejected")
                .containsPattern("speed +[\\d,]+ tokens/s, measured for \\d+ s on 2 cores")
                .containsPattern("time +about \\d+ s, which is [\\d.]+ core hours");

        run(command);
        JsonNode summary = new ObjectMapper()
                .readTree(directory.resolve("out/_run.json").toFile())
                .at("/summary");
        assertThat(tokens(dry)).isEqualTo(summary.at("/tokens").asLong());

        assertThat(run(with(command, "--dry-run")).out())
                .contains("out, which has all rows already", "time        none: there is nothing to process");
        assertThat(run(with(command, "--dry-run", "--mode", "overwrite")).out())
                .contains("out, whose rows of an earlier run would be deleted");
        CommandRun other = CommandRun.of(with(command, "--dry-run", "--min-k", "10"));
        assertThat(other.exitCode()).isEqualTo(2);
        assertThat(other.err()).contains("holds a run of other options: min-k");
    }

    @Test
    void rowsThatWouldBeRejectedAreCountedByReason() throws IOException {
        Path rows = Files.writeString(
                directory.resolve("rows.json"),
                "{\"text\": \"one\"}\n{\"text\": null}\n{\"text\": \"\"}\n{\"text\": null}\n");
        CommandRun dry = run(LittleModel.command("score", rows, output(), "--input-format", "json", "--dry-run"));
        assertThat(dry.out())
                .containsPattern("sample +4 rows, of which 3 would be rejected:")
                .containsSubsequence("2 × the text is null", "1 × the text is empty");
    }

    @Test
    void aNumberOfRowsThatIsEstimatedSaysFromWhat() throws IOException {
        Path rows = Files.createDirectory(directory.resolve("rows"));
        for (int i = 0; i < 70; i++) {
            Files.writeString(rows.resolve(i + ".json"), "{\"text\": \"one\"}\n");
        }
        String[] command = LittleModel.command("tokenize", rows, output(), "--input-format", "json", "--dry-run");
        assertThat(run(command).out())
                .containsPattern("input +70 files of 1.1 KiB, about 70 rows, judging by 1.0 KiB of them")
                .containsPattern("columns +text\\n");
        assertThat(run(with(command, "--limit", "9")).out()).containsPattern("input +70 files of 1.1 KiB, 9 rows\n");
    }

    @Test
    void bucketsChangeNothingInTheForecastOfTokensAndErrors() throws IOException {
        Path rows = Files.writeString(
                directory.resolve("rows.json"),
                "{\"text\": \"one and two\", \"by\": 1}\n{\"text\": null, \"by\": 2}\n");
        String[] command = LittleModel.command("score", rows, output(), "--input-format", "json", "--dry-run");
        CommandRun plain = run(command);
        CommandRun buckets = run(with(command, "--buckets", "30,60", "--buckets-by", "by"));
        assertThat(buckets.out()).contains("1 × the text is null");
        assertThat(tokens(buckets)).isEqualTo(tokens(plain));
    }

    @Test
    void generatedTokensAreAnUpperBound() {
        CommandRun dry = run(LittleModel.command(
                "generate", LocalSpark.PROMPTS, output(), "--max-new-tokens", "7", "--samples", "2", "--dry-run"));
        assertThat(dry.out())
                .containsPattern("tokens +about [\\d,]+ of prompts, and at most 336 generated ones")
                .containsPattern("time +at most about \\d+ s");
    }

    @Test
    void tokenizingIsForecastWithoutAModelsWeights() {
        String[] command = LittleModel.command("tokenize", ShortCorpus.file(), output(), "--limit", "25");
        CommandRun dry = run(with(command, "--dry-run"));
        assertThat(dry.out()).containsPattern("sample +25 rows").doesNotContain("weights");
        assertThat(tokens(dry)).isPositive();
    }

    @Test
    void aProbeNeedsADryRun() {
        CommandRun run = CommandRun.of(LittleModel.command("tokenize", ShortCorpus.file(), output(), "--probe"));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--probe is for --dry-run");
    }

    private static String[] with(String[] command, String... more) {
        String[] all = Arrays.copyOf(command, command.length + more.length);
        System.arraycopy(more, 0, all, command.length, more.length);
        return all;
    }
}
