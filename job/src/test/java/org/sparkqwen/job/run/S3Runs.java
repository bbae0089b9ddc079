package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.S3Relay;
import org.sparkqwen.job.testing.S3Server;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// A server of S3's protocol with the short corpus on it, and runs against it with `conf/s3.conf`. Every request passes
/// a relay that looks at it and, in some tests, damages it.
abstract class S3Runs {
    private static final String PROFILE =
            Path.of("../conf/s3.conf").toAbsolutePath().normalize().toString();

    /// The credentials in the form that most people use.
    static final Map<String, String> CREDENTIALS =
            Map.of("AWS_ACCESS_KEY_ID", S3Server.KEY, "AWS_SECRET_ACCESS_KEY", S3Server.SECRET);

    @SuppressWarnings("NullAway.Init")
    static S3Server server;

    static String corpus = "";

    @TempDir
    Path directory = Path.of("");

    @BeforeAll
    static void startServer(@TempDir Path directory) {
        server = S3Server.start(directory);
        corpus = server.put(Path.of(ShortCorpus.file()), "corpus/corpus.parquet");
    }

    @AfterAll
    static void stopServer() {
        server.close();
    }

    CommandRun run(int port, String secret, String input) {
        return run(port, secret, input, directory.resolve("out").toString());
    }

    /// Runs a command in this JVM, which already has a session, so Hadoop's properties have no prefix of Spark's.
    static CommandRun run(int port, String secret, String input, String output, String... more) {
        Stream<String> arguments = Stream.of(LittleModel.command(
                "score",
                input,
                output,
                "--conf",
                "fs.s3a.committer.name=magic",
                "--conf",
                "fs.s3a.endpoint=http://127.0.0.1:" + port,
                "--conf",
                "fs.s3a.endpoint.region=us-east-1",
                "--conf",
                "fs.s3a.path.style.access=true",
                "--conf",
                "fs.s3a.access.key=" + S3Server.KEY,
                "--conf",
                "fs.s3a.secret.key=" + secret));
        return CommandRun.of(Stream.concat(arguments, Stream.of(more)).toArray(String[]::new));
    }

    S3Relay passing() {
        return S3Relay.start(server.port(), (number, request) -> S3Relay.Fate.PASSES);
    }

    static List<String> profile(S3Relay relay) {
        return List.of(
                "--properties-file",
                PROFILE,
                "--conf",
                "spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:" + relay.port(),
                "--conf",
                "spark.hadoop.fs.s3a.endpoint.region=us-east-1",
                "--conf",
                "spark.hadoop.fs.s3a.path.style.access=true");
    }

    CommandRun submit(String master, List<String> options, String... arguments) {
        try (SparkProcess submit = SparkProcess.startSubmit(directory, master, CREDENTIALS, options, arguments)) {
            return ended(submit);
        }
    }

    static CommandRun ended(SparkProcess submit) {
        return new CommandRun(submit.awaitEnd(), submit.output(), submit.output());
    }

    private static String[] score(String output) {
        return LittleModel.command(
                "score", corpus, "s3a://%s/%s".formatted(S3Server.BUCKET, output), "--token-logprobs");
    }

    static String[] intervals(String output, String format) {
        return Stream.concat(Stream.of(score(output)), Stream.of("--checkpoint-rows", "48", "--output-format", format))
                .toArray(String[]::new);
    }

    static Dataset<Row> read(String format, Path directory) {
        return LocalSpark.session().read().format(format).load(directory.toString());
    }

    long commits(String output) {
        return server.objects("").stream()
                .filter(name -> name.startsWith("/%s/_spark_qwen/commits/".formatted(output)))
                .count();
    }

    void assertSameScores(String output, String format) {
        Path copy = server.get(output, directory.resolve("compared"));
        ShortCorpus.assertScored(read(format, copy));
    }

    /// Asserts that data files were uploaded under their own names, and none was copied, which is what S3A does for
    /// a rename.
    static void assertCommittedByTheMagicCommitter(List<S3Relay.Request> requests, String output) {
        assertThat(requests).noneMatch(S3Relay.Request::isCopy);
        assertThat(requests)
                .extracting(S3Relay.Request::line)
                .anyMatch(line -> line.matches("POST /bucket/%s/part-.*\\?uploads.*".formatted(output)))
                .anyMatch(line -> line.matches("POST /bucket/%s/part-.*\\?uploadId=.*".formatted(output)))
                .anyMatch(line -> line.matches("PUT /bucket/%s/__magic_job-.*\\.pendingset.*".formatted(output)));
    }

    void assertNothingIsLeftOver(String output) {
        assertThat(server.pendingUploads()).isEmpty();
        assertThat(server.objects(output)).noneMatch(name -> name.contains("/__magic") || name.contains("/_temporary"));
    }
}
