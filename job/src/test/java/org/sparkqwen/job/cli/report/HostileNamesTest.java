package org.sparkqwen.job.cli.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.core.layout.PatternLayout;
import org.apache.logging.log4j.message.SimpleMessage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.errors.BadData;
import org.sparkqwen.job.errors.ErrorKind;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.input.UnreadableFiles;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// Names and values from outside break no line of the terminal, the log or `_run.json`, move no cursor, and are cut.
class HostileNamesTest {
    private static final String HOSTILE = "a\u001b[2J\u202eb\u2028c\u0085d\u200fe";

    /// The most characters that a terminal may show of one line.
    private static final int LONGEST = 4_100;

    @TempDir
    private Path directory;

    @Test
    void aRunQuotesColumnsGroupsFilesAndRows() throws IOException {
        Path file = Files.writeString(directory.resolve("in" + HOSTILE + ".json"), """
            {"text": "one", "kind": "%1$s"}
            {"text": null, "kind": "%2$s"}
            {"text": "two", "kind": "x%1$s", "%3$s": 1}
            {"text": %1$s
            """.formatted(
                        json(HOSTILE), "k".repeat(100_000), json(HOSTILE)));
        CommandRun run = CommandRun.of(
                "score",
                "--model",
                LocalSpark.MODEL.toString(),
                "--input",
                file.toString(),
                "--input-format",
                "json",
                "--output",
                directory.resolve("out").toString(),
                "--summary-by",
                "kind",
                "--max-error-rate",
                "1");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertPlain(run);
        assertPlain(Files.readString(directory.resolve("out/_run.json")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"--input", "--output-format", "--text-column", "--columns", "--model", "--limit", "--mode"})
    void anOptionsValueIsQuoted(String option) {
        for (String value : new String[] {HOSTILE, "v".repeat(100_000)}) {
            CommandRun run = CommandRun.of(
                    "score", "--input", LocalSpark.CORPUS, "--output", directory + "/o", option, value + "\nx");
            assertThat(run.exitCode()).as(run.err()).isNotZero();
            assertPlain(run);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"model_type", "hidden_act", "rope_scaling"})
    void aConfigsValueIsQuoted(String key) throws IOException {
        for (String value : new String[] {json(HOSTILE), "v".repeat(100_000)}) {
            Path model = Files.createDirectories(directory.resolve("model" + HOSTILE));
            Files.writeString(
                    model.resolve("config.json"),
                    "{\"architectures\": [\"Qwen3ForCausalLM\"], \"%s\": \"%s\", \"key%s\": 1}"
                            .formatted(key, value, value));
            CommandRun run = CommandRun.of("inspect", "--model", model.toString());
            assertThat(run.exitCode()).as(run.err()).isNotZero();
            assertPlain(run);
        }
    }

    @Test
    void aReportQuotesWhatItPrints() {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        Report report = new Report(new PrintStream(printed, true, StandardCharsets.UTF_8));
        report.title("By " + HOSTILE);
        report.badData(new BadData(
                1,
                List.of(new BadData.Common(HOSTILE + "\n", 1, new Origin(HOSTILE, 1))),
                HOSTILE,
                new UnreadableFiles(Map.of(HOSTILE, HOSTILE))));
        assertPlain(printed.toString(StandardCharsets.UTF_8));
    }

    @Test
    void aKeyOfAKindOfErrorsIsShort() {
        assertThat(ErrorKind.key("x".repeat(100_000))).hasSize(200);
        assertPlain(new ErrorKind(HOSTILE + "\n", 1, 0).reason());
    }

    @ParameterizedTest
    @ValueSource(strings = {"log4j2.properties", "log4j2-verbose.properties"})
    void theLogEscapesItsMessages(String file) throws IOException {
        Properties properties = new Properties();
        properties.load(new StringReader(Files.readString(Path.of("../conf", file))));
        PatternLayout layout = PatternLayout.newBuilder()
                .withPattern(properties.getProperty("appender.stderr.layout.pattern"))
                .build();
        String line = layout.toSerializable(Log4jLogEvent.newBuilder()
                .setLevel(Level.WARN)
                .setLoggerName("test")
                .setMessage(new SimpleMessage(HOSTILE + "\nforged" + "v".repeat(100_000)))
                .build());
        assertThat(line.stripTrailing().lines()).hasSize(1);
        assertPlain(line);
        assertThat(line).contains("WARN test: a?[2J?b?c?d?e\\nforged");
    }

    private static String json(String text) {
        StringBuilder escaped = new StringBuilder();
        text.chars().forEach(c -> escaped.append("\\u%04x".formatted(c)));
        return escaped.toString();
    }

    private static void assertPlain(CommandRun run) {
        assertPlain(run.out());
        assertPlain(run.err());
    }

    private static void assertPlain(String text) {
        assertThat(text.codePoints().filter(c -> c != '\n' && !Quote.isPlain(c)).mapToObj(Integer::toHexString))
                .as(text)
                .isEmpty();
        assertThat(text.lines().mapToInt(String::length).max().orElse(0))
                .as(text)
                .isLessThan(LONGEST);
    }
}
