package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// A start parses the model's tokenizer once on the driver, however many options need it. The JVM's flight recorder
/// sees who reads the file.
class TokenizerReadsTest {
    private static final Path TOKENIZER = LocalSpark.MODEL.resolve("tokenizer.json");

    @TempDir
    private Path directory = Path.of("");

    @Test
    void generateParsesTheTokenizerOnceOnTheDriver() throws IOException {
        assertThat(bytesParsed(LocalSpark.command(
                        "generate",
                        LocalSpark.PROMPTS,
                        directory.resolve("texts"),
                        "--template",
                        "{prompt}",
                        "--choices",
                        "yes",
                        "no",
                        "--limit",
                        "2")))
                .isEqualTo(Files.size(TOKENIZER));
    }

    @Test
    void scoreParsesTheTokenizerOnceOnTheDriver() throws IOException {
        assertThat(bytesParsed(
                        LocalSpark.command("score", LocalSpark.CORPUS, directory.resolve("scores"), "--limit", "2")))
                .isEqualTo(Files.size(TOKENIZER));
    }

    /// Returns how many bytes of tokenizer.json the driver reads in order to parse it. Reads for the fingerprint do
    /// not count, and neither do those of tasks, which are an executor's.
    private long bytesParsed(String[] command) throws IOException {
        Path events = directory.resolve("events.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("jdk.FileRead").withoutThreshold().withStackTrace().with("throttle", "off");
            recording.start();
            CommandRun run = CommandRun.of(command);
            assertThat(run.exitCode()).as(run.err()).isZero();
            recording.stop();
            recording.dump(events);
        }
        return RecordingFile.readAllEvents(events).stream()
                .filter(TokenizerReadsTest::parsesTheTokenizer)
                .mapToLong(event -> event.getLong("bytesRead"))
                .filter(bytes -> bytes > 0) // -1 at the end of the file
                .sum();
    }

    private static boolean parsesTheTokenizer(RecordedEvent event) {
        return TOKENIZER.toString().equals(event.getString("path"))
                && !event.getThread().getJavaName().startsWith("Executor task")
                && event.getStackTrace().getFrames().stream()
                        .anyMatch(
                                frame -> frame.getMethod().getType().getName().equals(TokenizerFiles.class.getName()));
    }
}
