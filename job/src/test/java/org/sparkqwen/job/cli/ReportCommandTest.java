package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// Reports of real runs, as a user makes them.
class ReportCommandTest {
    @TempDir
    private static Path directory = Path.of("");

    @BeforeAll
    static void run() {
        CommandRun score = CommandRun.of(LittleModel.command(
                "score", ShortCorpus.file(), path("scores"), "--limit", "40", "--summary-by", "source", "--report"));
        assertThat(score.exitCode()).as(score.err()).isZero();
        assertThat(score.out()).contains("report      " + path("scores/_report.html"));
        CommandRun generate = CommandRun.of(LittleModel.command(
                "generate",
                LocalSpark.PROMPTS,
                path("texts"),
                "--max-new-tokens",
                "6",
                "--report",
                "--output-format",
                "json",
                "--output-option",
                "lineSep=\u001e"));
        assertThat(generate.exitCode()).as(generate.err()).isZero();
    }

    private static String path(String name) {
        return directory.resolve(name).toString();
    }

    @Test
    void aRunDrawsItselfAndTheCommandDrawsItAgain() throws IOException {
        Path page = directory.resolve("scores/_report.html");
        String own = Files.readString(page);
        assertThat(own).contains("Scored 40 rows", "Bits per byte by source", "The worst");
        Files.delete(page);
        CommandRun report = CommandRun.of("report", path("scores"), "--by", "source");
        assertThat(report.exitCode()).as(report.err()).isZero();
        assertThat(report.out()).matches("report  .*/scores/_report.html, \\d+ kB\n");
        assertThat(Files.readString(page)).isEqualTo(own);
    }

    @Test
    void aReportOfTextsShowsLengthsEndsAndSamples() throws IOException {
        assertThat(directory.resolve("texts/_report.html"))
                .content()
                .contains("Generated 24 texts", "Length of the texts", "Why texts end", "distinct-1", "Samples");
    }

    @Test
    void theManifestHasTheDistributionsAsData() throws IOException {
        JsonNode run = new ObjectMapper()
                .readTree(directory.resolve("scores/_run.json").toFile());
        JsonNode bits = run.at("/summary/distributions/bits_per_byte");
        assertThat(bits.at("/percentiles/p50").asDouble())
                .isBetween(
                        bits.at("/percentiles/p5").asDouble(),
                        bits.at("/percentiles/p95").asDouble());
        assertThat(rows(bits.at("/histogram"))).isEqualTo(40);
        assertThat(rows(run.at("/rates"))).isEqualTo(40);
        JsonNode texts =
                new ObjectMapper().readTree(directory.resolve("texts/_run.json").toFile());
        assertThat(texts.at("/summary/distributions/distinct_1").asDouble()).isBetween(0.0, 1.0);
    }

    private static long rows(JsonNode parts) {
        long rows = 0;
        for (JsonNode part : parts) {
            rows += part.at("/rows").asLong();
        }
        return rows;
    }

    @Test
    void aRunIsComparedWithAnother() {
        CommandRun report =
                CommandRun.of("report", path("scores"), "--compare", path("scores"), "--output", path("both.html"));
        assertThat(report.exitCode()).as(report.err()).isZero();
        assertThat(directory.resolve("both.html")).content().contains("0.0 % of 40 documents gain");
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        CommandRun.of("report").assertRefused(2, "RUN");
        CommandRun.of("report", path("nowhere")).assertRefused(2, "has no _run.json");
        CommandRun.of("report", path("texts"), "--by", "id").assertRefused(2, "--by is for runs of score");
        CommandRun.of("report", path("scores"), "--key", "id").assertRefused(2, "--key is for --compare");
        CommandRun.of("report", path("scores"), "--compare", path("texts"))
                .assertRefused(2, "--compare is for runs of score, and", "is the output of generate");
        CommandRun.of("report", path("scores"), "--compare", path("scores"), "--by", "id")
                .assertRefused(2, "give either --compare or --by");
        CommandRun.of("report", path("scores"), "--output", "/proc/page.html").assertRefused(1, "cannot be written");
    }

    /// A browser lays the page out without an error, whatever it may load.
    @Test
    void aBrowserShowsThePage() throws IOException, InterruptedException {
        Path picture = directory.resolve("page.png");
        Path log = directory.resolve("browser.log");
        Process browser;
        try {
            browser = new ProcessBuilder(
                            "chromium",
                            "--headless",
                            "--no-sandbox",
                            "--disable-gpu",
                            "--user-data-dir=" + directory.resolve("browser"),
                            "--screenshot=" + picture,
                            directory.resolve("scores/_report.html").toUri().toString())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
        } catch (IOException e) {
            abort("no chromium here: " + e.getMessage());
            return;
        }
        assertThat(browser.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(Files.readAllBytes(picture))
                .as(Files.readString(log))
                .startsWith("\u0089PNG".getBytes(StandardCharsets.ISO_8859_1));
    }
}
