package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// What `inspect --plan` predicts, and what a run then takes.
class PlanTest {
    private static final Pattern TIME = Pattern.compile("time +about (?:(\\d+) min )?(\\d+) s");

    @TempDir
    private Path directory;

    private static CommandRun inspect(String... options) {
        List<String> arguments = new ArrayList<>(
                List.of("inspect", "--model", LittleModel.directory().toString()));
        arguments.addAll(List.of(options));
        return CommandRun.of(arguments.toArray(String[]::new));
    }

    @Test
    void aPlanSaysTimeCostAndWhatLimitsARun() {
        CommandRun plan = inspect(
                "--plan",
                "--input",
                ShortCorpus.file(),
                "--hosts",
                "100",
                "--cores",
                "16",
                "--executors-per-host",
                "2",
                "--losses-per-hour",
                "1000",
                "--cost-per-hour",
                "0.8");
        assertThat(plan.exitCode()).as(plan.err()).isZero();
        assertThat(plan.out())
                .contains("Plan of score on 100 hosts of 16 cores, with 2 executors each")
                .containsPattern("input +1 file of [\\d.]+ KiB, \\d+ rows")
                .containsPattern("tokens +about [\\d,]+, [\\d,]+ a row with a deviation of [\\d,]+")
                .containsPattern("speed +[\\d,]+ tokens/s, measured for \\d+ s on 2 cores here, so [\\d,]+ tokens/s")
                .containsPattern(
                        "model +[\\d.]+ .iB by broadcast: the first host has it \\d+ s after the start, the last")
                .containsPattern("first rows +\\d+ s after the start")
                .containsPattern("time +about \\d+ s, in 1 interval of at most [\\d,]+ tasks")
                .containsPattern("ends +in the last \\d+ s of an interval some executors have no task")
                .containsPattern("driver +at least 1\\.00 GiB of heap")
                .containsPattern("cost +[\\d.]+ host hours, [\\d.]+");
    }

    @Test
    void whatCannotBePlannedIsRefusedInOneLine() {
        inspect("--hosts", "3").assertRefused(2, "--hosts is for --plan");
        inspect("--plan").assertRefused(2, "--plan needs --input");
        inspect("--plan", "--input", ShortCorpus.file(), "--hosts", "0").assertRefused(2, "must be at least 1");
        inspect("--plan", "--input", ShortCorpus.file(), "--cores", "2", "--executors-per-host", "3")
                .assertRefused(2, "3 executors a host need more than its 2 cores");
        inspect("--plan", "--input", directory.resolve("absent").toString()).assertRefused(2, "does not exist");
        inspect("--plan", "--input", ShortCorpus.file(), "--text-column", "nothing")
                .assertRefused(2, "nothing");
    }

    /// Plans a run on this machine, runs it, and prints both. Other programs may take the processor meanwhile, so
    /// the bound is wide.
    @Test
    @Tag("slow")
    void aPlanForThisMachineIsAboutWhatTheRunTakes() {
        Dataset<Row> corpus = LocalSpark.corpus();
        Dataset<Row> all = corpus;
        for (int i = 1; i < Integer.getInteger("plan.times", 6); i++) {
            all = all.unionAll(corpus);
        }
        String input = directory.resolve("corpus").toString();
        all.coalesce(2).write().parquet(input);
        String model = LocalSpark.MODEL.toString();
        CommandRun plan = CommandRun.of("inspect", "--plan", "--model", model, "--input", input, "--cores", "2");
        assertThat(plan.exitCode()).as(plan.err()).isZero();
        Matcher time = TIME.matcher(plan.out());
        assertThat(time.find()).as(plan.out()).isTrue();
        double predicted =
                (time.group(1) == null ? 0 : 60 * Integer.parseInt(time.group(1))) + Integer.parseInt(time.group(2));

        long start = System.nanoTime();
        CommandRun run = CommandRun.of(
                LocalSpark.command("score", input, directory.resolve("out").toString()));
        assertThat(run.exitCode()).as(run.err()).isZero();
        double took = (System.nanoTime() - start) / 1e9;
        System.out.printf(Locale.ROOT, "plan: %.0f s predicted, %.0f s taken%n%s%n", predicted, took, plan.out());
        assertThat(took).isBetween(predicted / 3, predicted * 3);
    }
}
