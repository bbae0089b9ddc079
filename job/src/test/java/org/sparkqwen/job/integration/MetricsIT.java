package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.metrics.MetricsPlugin;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.SparkProcess;

/// What executors publish while they work, where operators look for it: each executor's own in files, as a sink on the
/// executor writes them, and those of all together on the driver's page for Prometheus.
class MetricsIT {
    private static final Pattern VALUE = Pattern.compile("metrics_\\w+_cluster_(\\w+)_Value\\{[^}]*} ([0-9.E]+)");

    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void executorsAndDriverPublishWhatIsGeneratedWhileItIs() throws IOException {
        Path files = Files.createDirectory(directory.resolve("metrics"));
        int port = freePort();
        String sink = "spark.metrics.conf.executor.sink.csv.";
        List<String> options = new ArrayList<>();
        for (String property : List.of(
                "spark.metrics.conf=" + SparkProcess.CONF.resolve("metrics.properties"),
                sink + "class=org.apache.spark.metrics.sink.CsvSink",
                sink + "directory=" + files,
                sink + "period=1",
                sink + "unit=seconds",
                "spark.metrics.namespace=texts",
                "spark.ui.enabled=true",
                "spark.ui.port=" + port)) {
            options.addAll(List.of("--conf", property));
        }
        Map<String, Double> seen = new HashMap<>();
        try (SparkProcess submit =
                SparkProcess.startSubmit(directory, "local-cluster[2,1,1024]", options, arguments())) {
            while (submit.isAlive()) {
                cluster(port).forEach((name, value) -> seen.merge(name, value, Math::max));
                SparkProcess.sleep(300);
            }
            assertThat(submit.awaitEnd()).as(submit.output()).isZero();
        }
        assertThat(seen.keySet())
                .contains("executors", "tokens_generated", "tokens_prompt", "tokens_generated_rate", "batch_tokens")
                .contains("sequences_running", "cache_blocks_used", "kernels_busy")
                .doesNotContain("tokens_scored", "errors");
        assertThat(seen.get("kernels_busy")).as("a share").isLessThanOrEqualTo(1);
        assertThat(seen.get("batch_tokens")).isLessThanOrEqualTo(seen.get("batch_tokens_limit"));
        assertThat(seen.get("batch_tokens_limit")).as("of a batch").isEqualTo(2048);

        for (String executor : List.of("0", "1")) {
            assertThat(last(files, executor, "tokens.generated")).isPositive();
            assertThat(last(files, executor, "rows")).isPositive();
            assertThat(last(files, executor, "errors")).isZero();
            for (String gauge :
                    List.of("batch.tokens", "sequences.running", "cache.blocks.used", "kernels.busy", "cache.blocks")) {
                assertThat(most(files, executor, gauge)).as(gauge).isPositive();
            }
        }
        // The last second of an executor may be in no sample.
        assertThat(last(files, "0", "rows") + last(files, "1", "rows")).isBetween(2.0, 24.0);
        assertThat(last(files, "0", "tokens.generated") + last(files, "1", "tokens.generated"))
                .isBetween(300.0, 24 * 300.0);
    }

    private String[] arguments() {
        return LittleModel.command(
                "generate",
                LocalSpark.PROMPTS,
                directory.resolve("out"),
                "--max-new-tokens",
                "300",
                "--ignore-eos",
                "--temperature",
                "1");
    }

    /// The cluster's values on the driver's page that are not 0, by name; none while there is no page.
    private static Map<String, Double> cluster(int port) {
        String page;
        try (InputStream in = URI.create("http://localhost:%d/metrics/prometheus/".formatted(port))
                .toURL()
                .openStream()) {
            page = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return Map.of();
        }
        Map<String, Double> values = new HashMap<>();
        Matcher value = VALUE.matcher(page);
        while (value.find()) {
            double number = Double.parseDouble(value.group(2));
            if (number > 0) {
                values.put(value.group(1), number);
            }
        }
        return values;
    }

    private static double last(Path files, String executor, String metric) throws IOException {
        return values(files, executor, metric).getLast();
    }

    private static double most(Path files, String executor, String metric) throws IOException {
        return values(files, executor, metric).stream()
                .mapToDouble(Double::doubleValue)
                .max()
                .orElse(0);
    }

    /// The values, or counts, that a sink wrote: the second field of each line but the first.
    private static List<Double> values(Path files, String executor, String metric) throws IOException {
        String name = "texts.%s.plugin.%s.%s.csv".formatted(executor, MetricsPlugin.class.getName(), metric);
        List<String> there = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(files)) {
            found.forEach(file -> there.add(file.getFileName().toString()));
        }
        assertThat(there).contains(name);
        return Files.readAllLines(files.resolve(name)).stream()
                .skip(1)
                .map(line -> Double.parseDouble(line.split(",", -1)[1]))
                .toList();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
