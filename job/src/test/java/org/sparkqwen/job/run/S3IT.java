package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.S3Relay;
import org.sparkqwen.job.testing.S3Server;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// Input, output and model on `s3a:`, with `conf/s3.conf`, against a real server of the protocol. Every request passes
/// a relay that looks at it and, in some tests, damages it.
class S3IT {
    private static final String PROFILE =
            Path.of("../conf/s3.conf").toAbsolutePath().normalize().toString();

    /// The credentials in the form that most people use.
    private static final Map<String, String> CREDENTIALS =
            Map.of("AWS_ACCESS_KEY_ID", S3Server.KEY, "AWS_SECRET_ACCESS_KEY", S3Server.SECRET);

    @SuppressWarnings("NullAway.Init")
    private static S3Server server;

    private static String corpus = "";

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void startServer(@TempDir Path directory) {
        server = S3Server.start(directory);
        corpus = server.put(Path.of(ShortCorpus.file()), "corpus/corpus.parquet");
    }

    @AfterAll
    static void stopServer() {
        server.close();
    }

    @Test
    void clusterScoresWithAModelOfS3WhatALocalRunScores() throws IOException {
        Path events = Files.createDirectory(directory.resolve("events"));
        List<S3Relay.Request> requests;
        try (S3Relay relay = passing()) {
            List<String> options = new ArrayList<>(profile(relay));
            options.addAll(List.of("--conf", "spark.eventLog.enabled=true", "--conf", "spark.eventLog.dir=" + events));
            String model = server.put(LittleModel.directory(), "models/little");
            CommandRun run = submit(
                    "local-cluster[2,1,1024]",
                    options,
                    "score",
                    "--model",
                    model,
                    "--cache-dir",
                    directory.resolve("cache").toString(),
                    "--input",
                    corpus,
                    "--output",
                    "s3a://work/scores",
                    "--token-logprobs",
                    "--kernels",
                    "scalar");
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(run.out()).contains("Scored 220 rows", "little@");
            requests = relay.requests();
            assertThat(requests)
                    .extracting(S3Relay.Request::line)
                    .contains("GET /work/models/little/model.safetensors");
        }
        assertSameScores("scores", "parquet");
        assertCommittedByTheMagicCommitter(requests, "scores");
        assertNothingIsLeftOver("scores");
        assertThat(server.objects("scores")).contains("/scores/_SUCCESS", "/scores/_run.json");
        assertNoSecretIn(directory.resolve("submit.log"), events, server.get("scores", directory.resolve("copy")));
    }

    @Test
    void generatesJsonWithTheCredentialsOfAProfile() throws IOException {
        Path credentials = Files.write(
                directory.resolve("credentials"),
                List.of(
                        "[tests]",
                        "aws_access_key_id = " + S3Server.KEY,
                        "aws_secret_access_key = " + S3Server.SECRET));
        Map<String, String> profile =
                Map.of("AWS_SHARED_CREDENTIALS_FILE", credentials.toString(), "AWS_PROFILE", "tests");
        String prompts = server.put(Path.of(LocalSpark.PROMPTS), "prompts/prompts.parquet");
        String[] arguments = generate(prompts, "s3a://work/texts");
        try (S3Relay relay = passing();
                SparkProcess submit =
                        SparkProcess.startSubmit(directory, "local[2]", profile, profile(relay), arguments)) {
            CommandRun run = ended(submit);
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertCommittedByTheMagicCommitter(relay.requests(), "texts");
        }
        String local = directory.resolve("local").toString();
        assertThat(CommandRun.of(generate(LocalSpark.PROMPTS, local)).exitCode())
                .isZero();
        List<String> expected = LocalSpark.sorted(read("json", Path.of(local)));
        assertThat(expected).hasSize(24);
        assertThat(LocalSpark.sorted(read("json", server.get("texts", directory.resolve("copy")))))
                .isEqualTo(expected);
    }

    @Test
    void largeFilesGoUpInParts() throws IOException {
        Random random = new Random(1);
        StringBuilder lines = new StringBuilder();
        while (lines.length() < 12_000_000) {
            lines.append(Long.toString(random.nextLong() >>> 1, 36)).append(lines.length() % 7 == 0 ? '\n' : ' ');
        }
        String input =
                server.put(Files.writeString(directory.resolve("large.txt"), lines.append('\n')), "large/large.txt");
        try (S3Relay relay = passing()) {
            List<String> options = new ArrayList<>(profile(relay));
            options.addAll(List.of("--conf", "spark.hadoop.fs.s3a.multipart.size=5M"));
            CommandRun run = submit(
                    "local[2]",
                    options,
                    "tokenize",
                    "--model",
                    LittleModel.directory().toString(),
                    "--input",
                    input,
                    "--input-format",
                    "text",
                    "--text-column",
                    "value",
                    "--output",
                    "s3a://%s/tokens".formatted(S3Server.BUCKET),
                    "--output-format",
                    "json");
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(relay.requests())
                    .anyMatch(request -> request.line().matches("PUT /work/tokens/part-.*partNumber=3.*"));
        }
        Dataset<Row> tokens = read("json", server.get("tokens", directory.resolve("copy")));
        List<String> expected = lines.toString().lines().sorted().toList();
        assertThat(tokens.select("value").collectAsList().stream()
                        .map(row -> row.getString(0))
                        .sorted()
                        .toList())
                .isEqualTo(expected);
    }

    @Test
    void aKilledRunGoesOn() throws InterruptedException {
        try (S3Relay relay = passing()) {
            String[] arguments = intervals("killed", "parquet");
            for (int committed = 1; committed <= 2; committed++) {
                try (SparkProcess submit =
                        SparkProcess.startSubmit(directory, "local[2]", CREDENTIALS, profile(relay), arguments)) {
                    while (submit.isAlive() && commits("killed") < committed) {
                        TimeUnit.MILLISECONDS.sleep(50);
                    }
                    // This request is in the middle of the next interval.
                    String upload = "POST /work/killed/part-.*uploads.*";
                    long before = matching(relay, upload);
                    while (submit.isAlive() && matching(relay, upload) == before) {
                        TimeUnit.MILLISECONDS.sleep(1);
                    }
                    assertThat(submit.kill()).as(submit.output()).isTrue();
                }
            }
            CommandRun run = submit("local[2]", profile(relay), arguments);
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(run.out()).contains("Going on with s3a://work/killed");
        }
        assertSameScores("killed", "parquet");
        assertNothingIsLeftOver("killed");
    }

    @Test
    void aStoreThatFailsAndStallsOnlyTakesLonger() {
        List<S3Relay.Fate> kinds = List.of(
                S3Relay.Fate.IS_THROTTLED, S3Relay.Fate.FAILS, S3Relay.Fate.IS_LOST, S3Relay.Fate.LOSES_ITS_ANSWER);
        try (S3Relay relay = S3Relay.start(server.port(), (number, request) -> {
            if (number == 40 || number == 90) {
                return S3Relay.Fate.STALLS;
            }
            return number % 7 == 0 ? kinds.get(number / 7 % kinds.size()) : S3Relay.Fate.PASSES;
        })) {
            CommandRun run = submit("local[2]", profile(relay), intervals("disturbed", "orc"));
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(relay.requests()).extracting(S3Relay.Request::fate).contains(S3Relay.Fate.values());
            assertCommittedByTheMagicCommitter(relay.requests(), "disturbed");
        }
        assertSameScores("disturbed", "orc");
        assertNothingIsLeftOver("disturbed");
    }

    @Test
    void credentialsOfTheCommandLineAreNowhereToBeSeen() throws IOException, InterruptedException {
        Path events = Files.createDirectory(directory.resolve("events"));
        Path environment = directory.resolve("environment.html");
        try (S3Relay relay = passing()) {
            List<String> options = new ArrayList<>(profile(relay));
            options.addAll(List.of("--conf", "spark.eventLog.enabled=true", "--conf", "spark.eventLog.dir=" + events));
            options.addAll(List.of("--conf", "spark.ui.enabled=true", "--conf", "spark.ui.port=0"));
            options.addAll(List.of("--conf", "spark.log.level=INFO"));
            List<String> arguments = new ArrayList<>(List.of(intervals("secret", "parquet")));
            arguments.addAll(List.of("--conf", "spark.hadoop.fs.s3a.access.key=" + S3Server.KEY));
            arguments.addAll(List.of("--conf", "spark.hadoop.fs.s3a.secret.key=" + S3Server.SECRET));
            arguments.addAll(List.of("--input-option", "fs.s3a.secret.key=" + S3Server.SECRET));
            arguments.addAll(List.of("--output-option", "fs.s3a.secret.key=" + S3Server.SECRET));
            arguments.add("--verbose");
            try (SparkProcess submit =
                    SparkProcess.startSubmit(directory, "local[2]", options, arguments.toArray(String[]::new))) {
                String ui = "http://localhost:" + submit.await("service 'SparkUI' on port (\\d+)");
                while (submit.isAlive() && commits("secret") < 2) {
                    TimeUnit.MILLISECONDS.sleep(50);
                }
                Files.writeString(environment, pages(ui));
                CommandRun run = ended(submit);
                assertThat(run.exitCode()).as(run.out()).isZero();
            }
        }
        assertSameScores("secret", "parquet");
        assertThat(environment).content().contains("fs.s3a.secret.key");
        assertNoSecretIn(
                directory.resolve("submit.log"), environment, events, server.get("secret", directory.resolve("copy")));
    }

    private static String pages(String ui) throws IOException, InterruptedException {
        StringBuilder pages = new StringBuilder();
        try (HttpClient browser = HttpClient.newHttpClient()) {
            String application =
                    page(browser, ui + "/api/v1/applications").replaceAll("(?s).*?\"id\" : \"([^\"]+)\".*", "$1");
            String rest = ui + "/api/v1/applications/" + application;
            for (String address : List.of(
                    ui + "/environment/",
                    ui + "/SQL/",
                    ui + "/jobs/",
                    rest + "/environment",
                    rest + "/sql?details=true")) {
                pages.append(page(browser, address));
            }
            for (int execution = 0; execution < 4; execution++) {
                pages.append(page(browser, ui + "/SQL/execution/?id=" + execution));
            }
        }
        return pages.toString();
    }

    private static String page(HttpClient browser, String address) throws IOException, InterruptedException {
        return browser.send(HttpRequest.newBuilder(URI.create(address)).build(), HttpResponse.BodyHandlers.ofString())
                .body();
    }

    @Test
    void whatIsWrongFromTheStartIsSaidAtOnce() {
        CommandRun bucket = run(server.port(), S3Server.SECRET, "s3a://nowhere/corpus/");
        assertThat(bucket.exitCode()).isEqualTo(2);
        assertThat(bucket.err())
                .isEqualTo("spark-qwen score: --input s3a://nowhere/corpus: there is no bucket nowhere\n");

        CommandRun credentials = run(server.port(), "not-the-secret", corpus);
        assertThat(credentials.exitCode()).isEqualTo(1);
        assertThat(credentials.err())
                .startsWith("spark-qwen score: --input " + corpus + ": S3 denies access")
                .doesNotContain("not-the-secret")
                .hasLineCount(1);

        CommandRun none = run(
                server.port(),
                S3Server.SECRET,
                corpus,
                directory.resolve("out").toString(),
                "--conf",
                "fs.s3a.aws.credentials.provider=org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider");
        assertThat(none.exitCode()).isEqualTo(1);
        assertThat(none.err())
                .contains("no credentials for S3; set AWS_ACCESS_KEY_ID")
                .hasLineCount(1);

        CommandRun path = run(server.port(), S3Server.SECRET, "s3a://work/nothing/*.parquet");
        assertThat(path.exitCode()).isEqualTo(2);
        assertThat(path.err()).contains("--input s3a://work/nothing/*.parquet does not exist");

        int closed;
        try (S3Relay relay = passing()) {
            closed = relay.port();
        }
        CommandRun endpoint = run(closed, S3Server.SECRET, corpus);
        assertThat(endpoint.exitCode()).isEqualTo(1);
        assertThat(endpoint.err())
                .startsWith("spark-qwen score: --input %s: S3 cannot be reached at http://127.0.0.1:%d"
                        .formatted(corpus, closed))
                .hasLineCount(1);

        try (S3Relay silent = S3Relay.start(server.port(), (number, request) -> S3Relay.Fate.STALLS)) {
            CommandRun silence = run(silent.port(), S3Server.SECRET, corpus);
            assertThat(silence.exitCode()).isEqualTo(1);
            assertThat(silence.err()).contains("S3 cannot be reached at").hasLineCount(1);
        }

        CommandRun inPath = run(server.port(), S3Server.SECRET, "s3a://me:" + S3Server.SECRET + "@work/corpus/");
        assertThat(inPath.exitCode()).isEqualTo(2);
        assertThat(inPath.err()).contains("--input has credentials in its path").doesNotContain(S3Server.SECRET);

        String out = directory.resolve("out").toString();
        CommandRun mistyped =
                run(server.port(), S3Server.SECRET, corpus, out, "--conf", "fs.s3a.secret.key:" + S3Server.SECRET);
        assertThat(mistyped.exitCode()).isEqualTo(2);
        assertThat(mistyped.err()).contains("--conf", "KEY=VALUE").doesNotContain(S3Server.SECRET);
    }

    @Test
    void ofTwoDriversTheStoreRefusesOne() throws IOException {
        org.apache.hadoop.fs.Path output = new org.apache.hadoop.fs.Path("s3a://work/two-drivers");
        try (S3AFileSystem client = server.client()) {
            RunState first = new RunState(client, output);
            RunState second = new RunState(client, output);
            Commit commit =
                    new Commit(0, 0, 10, List.of("part-1"), List.of(), 1, 2, 3, List.of(), 4, 5, 6.0, 0, "1", Map.of());
            Commit other =
                    new Commit(0, 0, 10, List.of("part-2"), List.of(), 1, 2, 3, List.of(), 4, 5, 6.0, 1, "1", Map.of());
            first.add(commit);
            assertThatThrownBy(() -> second.add(other))
                    .isInstanceOf(Refusal.class)
                    .hasMessageContaining("commits/00000.json was written by another run");
            first.add(commit); // repeated, as when the answer to a request was lost
            assertThat(second.commits()).containsExactly(commit);
        }
    }

    @Test
    void aWholeBucketCanBeTheOutput() {
        String bucket = "s3a://whole/";
        for (String mode : List.of("resume", "overwrite")) {
            CommandRun run = run(server.port(), S3Server.SECRET, corpus, bucket, "--limit", "3", "--mode", mode);
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.out()).contains("Scored 3 rows");
        }
        CommandRun own = run(
                server.port(), S3Server.SECRET, bucket + "part-*", bucket, "--columns", "id", "--mode", "overwrite");
        assertThat(own.exitCode()).isEqualTo(2);
        assertThat(own.err()).contains("which lies in --output");
    }

    private CommandRun run(int port, String secret, String input) {
        return run(port, secret, input, directory.resolve("out").toString());
    }

    /// Runs a command in this JVM, which already has a session, so Hadoop's properties have no prefix of Spark's.
    private static CommandRun run(int port, String secret, String input, String output, String... more) {
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

    private S3Relay passing() {
        return S3Relay.start(server.port(), (number, request) -> S3Relay.Fate.PASSES);
    }

    private static List<String> profile(S3Relay relay) {
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

    private CommandRun submit(String master, List<String> options, String... arguments) {
        try (SparkProcess submit = SparkProcess.startSubmit(directory, master, CREDENTIALS, options, arguments)) {
            return ended(submit);
        }
    }

    private static CommandRun ended(SparkProcess submit) {
        return new CommandRun(submit.awaitEnd(), submit.output(), submit.output());
    }

    private static String[] score(String output) {
        return LittleModel.command(
                "score", corpus, "s3a://%s/%s".formatted(S3Server.BUCKET, output), "--token-logprobs");
    }

    private static String[] intervals(String output, String format) {
        return Stream.concat(Stream.of(score(output)), Stream.of("--checkpoint-rows", "48", "--output-format", format))
                .toArray(String[]::new);
    }

    private static String[] generate(String prompts, String output) {
        return LittleModel.command(
                "generate",
                prompts,
                output,
                "--output-format",
                "json",
                "--max-new-tokens",
                "8",
                "--temperature",
                "0.8",
                "--seed",
                "3");
    }

    private static Dataset<Row> read(String format, Path directory) {
        return LocalSpark.session().read().format(format).load(directory.toString());
    }

    private static long matching(S3Relay relay, String line) {
        return relay.requests().stream()
                .filter(request -> request.line().matches(line))
                .count();
    }

    private long commits(String output) {
        return server.objects("").stream()
                .filter(name -> name.startsWith("/%s/_spark_qwen/commits/".formatted(output)))
                .count();
    }

    private void assertSameScores(String output, String format) {
        Path copy = server.get(output, directory.resolve("compared"));
        ShortCorpus.assertScored(read(format, copy));
    }

    /// Asserts that data files were uploaded under their own names, and none was copied, which is what S3A does for
    /// a rename.
    private static void assertCommittedByTheMagicCommitter(List<S3Relay.Request> requests, String output) {
        assertThat(requests).noneMatch(S3Relay.Request::isCopy);
        assertThat(requests)
                .extracting(S3Relay.Request::line)
                .anyMatch(line -> line.matches("POST /work/%s/part-.*\\?uploads.*".formatted(output)))
                .anyMatch(line -> line.matches("POST /work/%s/part-.*\\?uploadId=.*".formatted(output)))
                .anyMatch(line -> line.matches("PUT /work/%s/__magic_job-.*\\.pendingset.*".formatted(output)));
    }

    private void assertNothingIsLeftOver(String output) {
        assertThat(server.pendingUploads()).isEmpty();
        assertThat(server.objects(output)).noneMatch(name -> name.contains("/__magic") || name.contains("/_temporary"));
    }

    private static void assertNoSecretIn(Path... places) throws IOException {
        for (Path place : places) {
            try (Stream<Path> files = Files.walk(place)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    String content = Files.readString(file, StandardCharsets.ISO_8859_1);
                    assertThat(content.contains(S3Server.SECRET))
                            .as("the secret in %s", file)
                            .isFalse();
                }
            }
        }
    }
}
