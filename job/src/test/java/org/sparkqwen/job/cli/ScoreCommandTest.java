package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.scoring.Window;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// The ways in which `score` cuts documents and scores continuations: what each option does, and what it refuses.
class ScoreCommandTest {
    private static final StructType PAIRS = new StructType()
            .add("id", DataTypes.IntegerType)
            .add("question", DataTypes.StringType)
            .add("answer", DataTypes.StringType);

    /// The input of commands that are refused.
    @TempDir
    private static Path refused = Path.of("");

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void writeTheInputOfRefusedCommands() {
        LocalSpark.session()
                .sql("select 0 as id, 'Call' as title, 7 as number, 'me' as text, array(1, 2) as ids")
                .write()
                .mode("overwrite")
                .parquet(refused.toString());
    }

    @Test
    @Tag("slow")
    void policiesCutDocumentsInWindowsOfTheirOwn() throws IOException {
        List<Row> documents = new ArrayList<>();
        for (Row row : LocalSpark.session()
                .read()
                .parquet(ShortCorpus.file())
                .limit(12)
                .collectAsList()) {
            documents.add(RowFactory.create(documents.size(), null, row.getAs("text")));
        }
        documents.add(RowFactory.create(12, null, "Call me."));
        String input = write(documents);
        List<Double> sums = new ArrayList<>();
        for (String name : List.of("strided", "rolling", "half")) {
            CommandRun run = CommandRun.of(LittleModel.command(
                    "score",
                    input,
                    directory.resolve("out"),
                    "--text-column",
                    "answer",
                    "--context",
                    "16",
                    "--token-logprobs",
                    "--windows",
                    name,
                    "--mode",
                    "overwrite"));
            assertThat(run.exitCode()).as(run.err()).isZero();
            List<Row> rows = rows();
            assertThat(rows).hasSize(13);
            assertWindowsAreThoseAskedFor(name, rows);
            assertManifestHasThePolicy(name);
            sums.add(rows.getFirst().<Double>getAs("sum_nll"));
            boolean scored = !name.equals("half");
            assertThat(rows.getLast().<Integer>getAs("tokens_scored") > 0)
                    .as("%s scores a short document", name)
                    .isEqualTo(scored);
            assertThat(rows.getLast().<Double>getAs("perplexity") != null).isEqualTo(scored);
            assertThat(rows.getLast().<String>getAs("error")).isNull();
        }
        assertThat(sums).as("what a long document gets").doesNotHaveDuplicates();
    }

    /// The figures of a continuation are those of its tokens, and tokens outside a chunk's second half have none.
    @Test
    void detailsCoverTheTokensThatAreScored() throws IOException {
        String input = write(List.of(
                RowFactory.create(0, "And God said, Let there be", " light: and there was light."),
                RowFactory.create(1, "Call", " me Ishmael.")));
        String[] details = {"--entropy", "--top-logprobs", "2", "--token-logprobs", "--text-column", "answer"};
        CommandRun run = CommandRun.of(LittleModel.command(
                "score",
                input,
                directory.resolve("out"),
                Stream.concat(Stream.of(details), Stream.of("--prompt-column", "question", "--buckets", "30,60"))
                        .toArray(String[]::new)));
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).containsPattern("entropy     \\d\\.\\d{3} nats a token");
        assertThat(new ObjectMapper()
                        .readTree(directory.resolve("out/_run.json").toFile())
                        .at("/summary/mean_entropy")
                        .doubleValue())
                .isPositive();
        for (Row row : rows()) {
            int tokens = row.<Integer>getAs("tokens");
            assertThat(row.getList(row.fieldIndex("token_entropies")))
                    .hasSize(tokens)
                    .doesNotContainNull();
            assertThat(row.getList(row.fieldIndex("top_logprobs")))
                    .hasSize(tokens)
                    .doesNotContainNull();
            assertThat(List.of(row.schema().fieldNames())).endsWith("top_logprobs", "bucket");
        }
        CommandRun half = CommandRun.of(LittleModel.command(
                "score",
                input,
                directory.resolve("out"),
                Stream.concat(
                                Stream.of(details),
                                Stream.of("--windows", "half", "--context", "8", "--mode", "overwrite"))
                        .toArray(String[]::new)));
        assertThat(half.exitCode()).as(half.err()).isZero();
        for (Row row : rows()) {
            List<Float> logProbabilities = row.getList(row.fieldIndex("token_logprobs"));
            List<Float> entropies = row.getList(row.fieldIndex("token_entropies"));
            List<Object> top = row.getList(row.fieldIndex("top_logprobs"));
            for (int i = 0; i < logProbabilities.size(); i++) {
                boolean scored = logProbabilities.get(i) != null;
                assertThat(entropies.get(i) != null).isEqualTo(scored);
                assertThat(top.get(i) != null).isEqualTo(scored);
            }
        }
    }

    private static void assertWindowsAreThoseAskedFor(String name, List<Row> rows) {
        Windows windows = switch (name) {
            case "strided" -> new Windows.Strided(16, 8);
            case "rolling" -> new Windows.Rolling(16);
            default -> new Windows.Half(16);
        };
        int before = name.equals("half") ? 0 : 1;
        for (Row row : rows) {
            int tokens = row.<Integer>getAs("tokens");
            assertThat(row.<Integer>getAs("tokens_scored"))
                    .isEqualTo(windows.cut(before + tokens).stream()
                            .mapToInt(Window::targets)
                            .sum());
            assertThat(row.<Boolean>getAs("is_greedy")).isNull();
            // Half of the tokens are not those of all bytes.
            assertThat(row.<Double>getAs("bits_per_byte") == null).isEqualTo(name.equals("half"));
        }
    }

    private void assertManifestHasThePolicy(String name) throws IOException {
        JsonNode manifest = manifest();
        boolean half = name.equals("half");
        assertThat(manifest.at("/summary/word_perplexity").isMissingNode()).isEqualTo(half);
        assertThat(manifest.at("/summary/bits_per_byte").isMissingNode()).isEqualTo(half);
        assertThat(manifest.at("/options/windows").textValue()).isEqualTo(name);
        assertThat(manifest.at("/summary/policy/windows").textValue()).isEqualTo(name);
        assertThat(manifest.at("/summary/policy/prefix").textValue()).isEqualTo(half ? "none" : "eos");
        assertThat(manifest.at("/summary/policy/context").intValue()).isEqualTo(16);
        assertThat(manifest.at("/summary/policy/stride").intValue()).isEqualTo(name.equals("strided") ? 8 : 0);
    }

    @Test
    void continuationsAreScoredGivenTheirPrompts() throws IOException {
        String input = write(List.of(
                RowFactory.create(0, "The state of the Union", ", and the condition of the Union"),
                RowFactory.create(1, "The state of the Union", ", and the condition of the whale"),
                RowFactory.create(2, "The state of the Union ", "is strong."),
                RowFactory.create(3, "", "Call me"),
                RowFactory.create(4, null, "Call me"),
                RowFactory.create(5, "Call", null),
                RowFactory.create(6, "Call", ""),
                RowFactory.create(7, "Th", "e"),
                RowFactory.create(8, "Call", " me".repeat(2_000)),
                RowFactory.create(9, "word ".repeat(2_000), "and so on"),
                RowFactory.create(10, "The whale was white. ".repeat(20), "The whale")));
        CommandRun run = score(input, "--prompt-column", "question", "--text-column", "answer", "--token-logprobs");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out()).contains(" tokens computed, the others shared");
        assertThat(manifest().at("/summary/prefix_cache/prompt_tokens").longValue())
                .isPositive();
        List<Row> rows = rows();
        assertThat(rows).hasSize(11);
        for (int id : new int[] {0, 1, 2, 3, 9}) {
            Row row = rows.get(id);
            assertThat(row.<String>getAs("error")).isNull();
            int tokens = row.<Integer>getAs("tokens");
            assertThat(row.<Integer>getAs("tokens_scored")).isEqualTo(tokens);
            assertThat(row.getList(row.fieldIndex("token_ids"))).hasSize(tokens);
            assertThat(row.getList(row.fieldIndex("token_logprobs")))
                    .hasSize(tokens)
                    .doesNotContainNull();
            assertThat(row.<Integer>getAs("bytes"))
                    .isEqualTo(row.<String>getAs("answer").getBytes(StandardCharsets.UTF_8).length);
            assertThat(row.<Boolean>getAs("is_greedy")).as("row %d", id).isEqualTo(id == 0);
        }
        assertThat(rows.getFirst().<Double>getAs("sum_nll"))
                .isLessThan(rows.get(1).<Double>getAs("sum_nll"));
        assertThat(rows.get(2).<Integer>getAs("words")).isEqualTo(2);
        assertThat(rows.subList(4, 9))
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly(
                        "prompt: the text is null",
                        "the text is null",
                        "the text is empty",
                        "the text adds no token to the prompt's 1: together they have 1",
                        "2,000 tokens after the prompt do not fit into a context of 1,024");
        assertThat(rows.subList(4, 9))
                .allSatisfy(row -> assertThat(row.<Boolean>getAs("is_greedy")).isNull());
        assertThat(manifest().at("/options/prompt-column").textValue()).isEqualTo("question");
        assertThat(manifest().at("/summary/policy/context").intValue()).isEqualTo(1024);
        assertThat(manifest().at("/summary/policy").has("windows")).isFalse();

        String[] shorter = {
            "--prompt-column", "question", "--text-column", "answer", "--context", "8", "--mode", "overwrite"
        };
        assertThat(score(input, shorter).exitCode()).isZero();
        assertThat(rows().getLast().<Double>getAs("sum_nll"))
                .as("of the prompt no more than its end is read")
                .isNotNull()
                .isNotEqualTo(rows.getLast().<Double>getAs("sum_nll"));
    }

    @Test
    void promptsOfTokensContinueInTokens() {
        LocalSpark.session()
                .sql("select 0 as id, array(767, 1065, 268, 259, 1702) as p, array(11, 281, 259, 1517) as c")
                .write()
                .parquet(in());
        assertThat(score(in(), "--prompt-column", "p", "--tokens-column", "c").exitCode())
                .isZero();
        Row row = rows().getFirst();
        assertThat(row.<Boolean>getAs("is_greedy")).isTrue();
        assertThat(row.<Integer>getAs("tokens_scored")).isEqualTo(4);
        assertThat(row.<Integer>getAs("bytes")).isNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--windows sliding | Invalid value for option '--windows'",
                "--windows rolling --stride 8 | --stride is for --windows strided; with rolling leave it out",
                "--windows half --stride 8 | --stride is for --windows strided; with half leave it out",
                "--windows half --prefix eos | --windows half takes no prefix",
                "--windows half --context 2 | context must be at least 3, not 2",
                "--windows rolling --context 1 | context must be at least 2, not 1",
                "--windows rolling --context 1025 | --context 1,025 is more than the model's 1,024",
                "--prompt-column title --windows strided | --windows is for whole documents",
                "--prompt-column title --stride 8 | --stride is for whole documents",
                "--prompt-column title --prefix none | --prefix is for whole documents",
                "--prompt-column body | the input has no column 'body'; it has 'id'",
                "--prompt-column body | Choose one with --prompt-column",
                "--prompt-column number | column 'number' is int; --prompt-column takes string or binary",
                "--prompt-column title --tokens-column ids"
                        + " | column 'title' is string; --prompt-column takes array<int> or array<bigint>"
            })
    void whatCannotWorkIsRefusedInOneLine(String options, String message) {
        CommandRun run = score(refused.toString(), options.split(" "));
        assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(2);
        assertThat(run.err()).contains(message).doesNotContain("\tat ");
        assertThat(directory.resolve("out")).doesNotExist();
    }

    /// Writes pairs of texts in the order of ids, and returns the path.
    private String write(List<Row> pairs) {
        LocalSpark.session().createDataFrame(pairs, PAIRS).write().parquet(in());
        return in();
    }

    private String in() {
        return directory.resolve("in").toString();
    }

    private List<Row> rows() {
        Dataset<Row> output =
                LocalSpark.session().read().parquet(directory.resolve("out").toString());
        return output.orderBy("id").collectAsList();
    }

    private JsonNode manifest() throws IOException {
        return new ObjectMapper().readTree(directory.resolve("out/_run.json").toFile());
    }

    private CommandRun score(String input, String... options) {
        return CommandRun.of(LocalSpark.command("score", input, directory.resolve("out"), options));
    }
}
