package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.ConnectProcess;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.SparkProcess;
import org.sparkqwen.job.testing.StandaloneCluster;

/// Clients of Spark Connect on a cluster share the engine of an executor that has our jar on its own class path. Spark
/// would load a jar of `--jars` for each client by itself.
class ConnectClusterIT {
    private static final String QUERY = """
        SELECT qwen_score('It was the best of times.').sum_nll AS nll,
            qwen_tokenize('It was the worst of times.').tokens AS tokens\
        """;

    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void twoClientsShareTheEngineOfAnExecutor() throws IOException {
        try (StandaloneCluster cluster = StandaloneCluster.start(directory);
                SparkProcess server =
                        ConnectProcess.server(directory.resolve("server.log"), cluster.url(), settings())) {
            String address = "sc://localhost:" + server.await("Spark Connect server started at: \\S*?:(\\d+)");
            List<String> first = answer(server, address, "first");
            assertThat(first).singleElement().asString().matches("\\{\"nll\":[0-9.]+,\"tokens\":[0-9]+}");
            assertThat(answer(server, address, "second")).isEqualTo(first);
            assertThat(enginesOpened()).isEqualTo(1);
        }
    }

    /// One executor with one core, so that both clients meet in it.
    private static List<String> settings() {
        return List.of(
                "spark.cores.max=1",
                "spark.executor.memory=1g",
                "spark.executor.extraClassPath=" + ConnectProcess.executorClassPath(),
                "spark.executor.extraJavaOptions=-Dlog4j2.configurationFile="
                        + SparkProcess.CONF.resolve("log4j2.properties").toUri(),
                "spark.qwen.model=" + LittleModel.directory(),
                "spark.qwen.kernels=scalar",
                "spark.sql.extensions=org.sparkqwen.job.sql.QwenExtensions");
    }

    private List<String> answer(SparkProcess server, String address, String name) throws IOException {
        Path rows = directory.resolve(name + ".json");
        try (SparkProcess client = ConnectProcess.client(
                directory.resolve(name + ".log"), ConnectQuery.class.getName(), address, QUERY, rows.toString())) {
            assertThat(client.awaitEnd()).as(client.output() + server.output()).isZero();
        }
        return Files.readAllLines(rows);
    }

    /// Counts the lines in which an engine says that it is open, in the logs of all executors.
    private long enginesOpened() throws IOException {
        long opened = 0;
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path log : files.filter(file -> file.endsWith("stderr")).toList()) {
                opened += Files.readString(log)
                        .lines()
                        .filter(line -> line.contains(" loaded in "))
                        .count();
            }
        }
        return opened;
    }
}
