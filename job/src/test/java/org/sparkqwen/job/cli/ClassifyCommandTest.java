package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.columns.LabelSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;
import picocli.CommandLine;

/// The command `classify`: its summary, its options, and what it refuses.
class ClassifyCommandTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void aRunSaysHowManyRowsHaveEachLabel() throws IOException {
        CommandRun run = classify("--labels", "0,1,2", "--numeric", "--template", "{prompt} Quality, from 0 to 2:");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("Classified 6 rows in ")
                .contains("\n  labels      '")
                .contains("\n  margin      0.")
                .contains("\n  value       ")
                .contains(" tokens computed, the others shared");
        JsonNode summary = manifest().at("/summary");
        assertThat(summary.at("/rows").intValue()).isEqualTo(6);
        assertThat(Stream.of("0", "1", "2")
                        .mapToInt(label -> summary.at("/labels/" + label).intValue())
                        .sum())
                .isEqualTo(6);
        assertThat(summary.at("/prefix_cache/shared_tokens").longValue())
                .isEqualTo(summary.at("/prefix_cache/prompt_tokens").longValue() * 2 / 3);
        assertThat(summary.at("/mean_value").doubleValue()).isBetween(0.0, 2.0);

        String again = directory.resolve("out").toString();
        CommandRun resumed = classify("--labels", "0,1,2", "--numeric", "--template", "{prompt} Quality, from 0 to 2:");
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();
        CommandRun other = classify("--labels", "0,1,3", "--numeric", "--template", "{prompt} Quality, from 0 to 2:");
        assertThat(other.exitCode()).isEqualTo(2);
        assertThat(other.err()).contains("labels");
        CommandRun report = CommandRun.of("report", again);
        assertThat(report.exitCode()).isEqualTo(2);
        assertThat(report.err()).contains("is the output of 'classify'; there are reports of score and generate");
    }

    @Test
    void labelsOfAFileHaveALineEach() throws IOException {
        Path file = directory.resolve("labels.txt");
        Files.writeString(file, " yes, indeed\n no\n");
        assertThat(labels("--labels-file", file.toString())).containsExactly(" yes, indeed", " no");
    }

    @Test
    void oneValueIsDividedAtCommasAndSeveralAreNot() {
        assertThat(labels("--labels", " yes, no")).containsExactly(" yes", " no");
        assertThat(labels("--labels", " yes, indeed", "--labels", " no")).containsExactly(" yes, indeed", " no");
    }

    private static List<String> labels(String... options) {
        LabelSource source =
                CommandLine.populateCommand(new LabelOptions(), options).source();
        return ((LabelSource.Fixed) source).labels().names();
    }

    @Test
    void aDryRunCountsTokens() {
        CommandRun run = classify("--labels", " yes, no", "--dry-run");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains("tokens");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "|give the labels with one of --labels, --labels-file and --labels-column",
                "--labels=a,b --labels-column=x|give only one of --labels, --labels-file and --labels-column",
                "--labels=a|--labels: 'a' is the only label; there must be two to choose from",
                "--labels=a,b,a|--labels: the label 'a' is there twice",
                "--labels=a,,b|--labels: label 2 is empty",
                "--labels=1,b --numeric|--labels: the label 'b' is no number",
                "--labels-file=/no/such|--labels-file /no/such cannot be read: there is no such file",
                "--labels-column=prompt|column 'prompt' is string; --labels-column takes array<string>",
                "--labels-column=x|--labels-column: the input has no column 'x'; it has 'id', 'prompt'",
                "--labels=a,b --context=100000|--context 100,000 is more than the model's 1,024",
                "--labels=a,b --query-column=q|--query-column is for --as reranker",
                "--as=reranker --labels=a,b|--labels cannot be combined with --as reranker",
                "--as=reranker --chat|--chat cannot be combined with --as reranker",
                "--as=reranker|the input has no column 'query'",
                "--labels=a,b --context=0|context must be at least 1, not 0",
                "--labels=a,whale-whale --context=2|the label 'whale-whale' has 5 tokens, and the context 2"
            })
    void wrongOptionsAreRefused(String options, String message) {
        CommandRun run = classify(options == null ? new String[0] : options.split(" "));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(message);
        assertThat(run.err().strip().lines()).hasSize(1);
    }

    private CommandRun classify(String... options) {
        String[] all =
                Stream.concat(Stream.of("--limit", "6"), Stream.of(options)).toArray(String[]::new);
        return CommandRun.of(LocalSpark.command("classify", LocalSpark.PROMPTS, directory.resolve("out"), all));
    }

    private JsonNode manifest() throws IOException {
        return new ObjectMapper()
                .readTree(directory.resolve("out").resolve("_run.json").toFile());
    }
}
