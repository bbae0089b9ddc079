package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.ConnectProcess;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// The functions of SQL for a client of Spark Connect. Server and client are processes of their own, and the client has
/// neither our jar nor a Spark that could compute.
class ConnectIT {
    private static final Path CALLS = Path.of("../python/tests/calls.json").toAbsolutePath();

    /// How many rows of the corpus are scored.
    private static final int ROWS = 40;

    @TempDir
    private Path directory = Path.of("");

    @Test
    void aClientGetsTheNumbersOfASessionAndOfTheCommandLine() throws IOException {
        Path results = directory.resolve("results");
        String corpus = directory.resolve("corpus").toString();
        LocalSpark.session()
                .read()
                .parquet(ShortCorpus.file())
                .limit(ROWS)
                .write()
                .parquet(corpus);
        List<String> settings = List.of(
                "spark.qwen.model=" + LittleModel.directory(),
                "spark.qwen.kernels=scalar",
                "spark.sql.extensions=org.sparkqwen.job.sql.QwenExtensions");
        try (SparkProcess server = ConnectProcess.server(directory.resolve("server.log"), settings)) {
            String port = server.await("Spark Connect server started at: \\S*?:(\\d+)");
            try (SparkProcess client = ConnectProcess.client(
                    directory.resolve("client.log"),
                    PythonCalls.class.getName(),
                    "sc://localhost:" + port,
                    CALLS.toString(),
                    corpus,
                    LittleModel.directory().toString(),
                    results.toString())) {
                assertThat(client.awaitEnd())
                        .as(client.output() + server.output())
                        .isZero();
            }
        }
        List<String> expected = new ArrayList<>(expectedOfCalls());
        expected.addAll(expectedOfCorpus(corpus));
        assertThat(Files.readAllLines(results)).isEqualTo(expected);
    }

    private static List<String> expectedOfCalls() throws IOException {
        SparkSession session = LocalSpark.session().newSession();
        session.conf().set("spark.qwen.model", LittleModel.directory().toString());
        session.conf().set("spark.qwen.kernels", "scalar");
        return PythonCalls.results(session, CALLS);
    }

    private List<String> expectedOfCorpus(String corpus) {
        Path output = directory.resolve("out");
        CommandRun run = CommandRun.of(LittleModel.command("score", corpus, output, "--columns", "id"));
        assertThat(run.exitCode()).as(run.err()).isZero();
        return LocalSpark.session().read().parquet(output.toString()).collectAsList().stream()
                .map(Row::json)
                .sorted()
                .toList();
    }
}
