package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

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
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.S3Relay;
import org.sparkqwen.job.testing.S3Server;
import org.sparkqwen.job.testing.ShortCorpus;
import org.sparkqwen.job.testing.SparkProcess;

/// Input, output and model on `s3a:`, with `conf/s3.conf`, against a real server of the protocol.
class S3IT extends S3Runs {
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
                    "s3a://bucket/scores",
                    "--token-logprobs",
                    "--kernels",
                    "scalar");
            assertThat(run.exitCode()).as(run.out()).isZero();
            assertThat(run.out()).contains("Scored 220 rows", "little@");
            requests = relay.requests();
            assertThat(requests)
                    .extracting(S3Relay.Request::line)
                    .contains("GET /bucket/models/little/model.safetensors");
        }
        assertSameScores("scores", "parquet");
        assertCommittedByTheMagicCommitter(requests, "scores");
        assertNothingIsLeftOver("scores");
        assertThat(server.objects("scores")).contains("/scores/_SUCCESS", "/scores/_run.json");
        assertNoSecretIn(directory.resolve("submit.log"), events, server.get("scores", directory.resolve("copy")));
    }

    @Test
    @Tag("slow")
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
        String[] arguments = generate(prompts, "s3a://bucket/texts");
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
    @Tag("slow")
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
                    .anyMatch(request -> request.line().matches("PUT /bucket/tokens/part-.*partNumber=3.*"));
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
    void aModelOfS3IsInspectedAsALocalOne() {
        String model = server.put(LittleModel.directory(), "models/inspected");
        String cache = directory.resolve("cache").toString();
        try (S3Relay relay = passing()) {
            CommandRun remote = CommandRun.of(withSettings(relay, "inspect", "--model", model, "--cache-dir", cache));
            assertThat(remote.exitCode()).as(remote.err()).isZero();
            CommandRun local =
                    CommandRun.of("inspect", "--model", LittleModel.directory().toString(), "--cache-dir", cache);
            assertThat(remote.out()).startsWith(model + ": Qwen3");
            assertThat(remote.out().lines().skip(1))
                    .containsExactlyElementsOf(local.out().lines().skip(1).toList());
        }
    }

    /// Returns a command that reads with the driver's configuration before there is a session.
    private static String[] withSettings(S3Relay relay, String... command) {
        return Stream.concat(
                        Stream.of(command),
                        Stream.of(
                                        "endpoint=http://127.0.0.1:" + relay.port(),
                                        "endpoint.region=us-east-1",
                                        "path.style.access=true",
                                        "access.key=" + S3Server.KEY,
                                        "secret.key=" + S3Server.SECRET)
                                .map(setting -> "--conf=spark.hadoop.fs.s3a." + setting))
                .toArray(String[]::new);
    }

    @Test
    void anAdapterOfS3IsMergedAsALocalOne() {
        Path adapter = LocalSpark.SAMPLES.resolve("manual-lora");
        String remote = server.put(adapter, "adapters/manual-lora");
        try (S3Relay relay = passing()) {
            List<Row> expected = scoresWith(relay, adapter.toString());
            assertThat(relay.requests()).isEmpty();
            assertThat(scoresWith(relay, remote)).isEqualTo(expected); // the rows without it are others
            assertThat(relay.requests()).isNotEmpty();
        }
    }

    private List<Row> scoresWith(S3Relay relay, String adapter) {
        Path output = directory.resolve("scores");
        CommandRun run = CommandRun.of(withSettings(
                relay,
                LocalSpark.command(
                        "score",
                        ShortCorpus.file(),
                        output,
                        "--mode",
                        "overwrite",
                        "--limit",
                        "2",
                        "--lora",
                        adapter)));
        assertThat(run.exitCode()).as(run.err()).isZero();
        return read("parquet", output)
                .select("id", "sum_nll", "model")
                .orderBy("id")
                .collectAsList();
    }

    @Test
    @Tag("slow")
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

        CommandRun path = run(server.port(), S3Server.SECRET, "s3a://bucket/nothing/*.parquet");
        assertThat(path.exitCode()).isEqualTo(2);
        assertThat(path.err()).contains("--input s3a://bucket/nothing/*.parquet does not exist");

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

        CommandRun inPath = run(server.port(), S3Server.SECRET, "s3a://me:" + S3Server.SECRET + "@bucket/corpus/");
        assertThat(inPath.exitCode()).isEqualTo(2);
        assertThat(inPath.err()).contains("--input has credentials in its path").doesNotContain(S3Server.SECRET);

        String out = directory.resolve("out").toString();
        CommandRun mistyped =
                run(server.port(), S3Server.SECRET, corpus, out, "--conf", "fs.s3a.secret.key:" + S3Server.SECRET);
        assertThat(mistyped.exitCode()).isEqualTo(2);
        assertThat(mistyped.err()).contains("--conf", "KEY=VALUE").doesNotContain(S3Server.SECRET);
    }

    @Test
    @Tag("slow")
    void aServerThatDoesNotAnswerCannotBeReached() {
        try (S3Relay silent = S3Relay.start(server.port(), (number, request) -> S3Relay.Fate.STALLS)) {
            CommandRun silence = run(silent.port(), S3Server.SECRET, corpus);
            assertThat(silence.exitCode()).isEqualTo(1);
            assertThat(silence.err()).contains("S3 cannot be reached at").hasLineCount(1);
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
