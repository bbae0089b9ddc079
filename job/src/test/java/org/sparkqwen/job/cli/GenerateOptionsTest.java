package org.sparkqwen.job.cli;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// The effect of the options of `generate` on the texts, from the command line to the rows that are written. Each holds
/// for any model, so a little one is enough.
class GenerateOptionsTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void aTemplateASchemaAndSamplesMakeValidJson() throws IOException {
        String topics = write(
                "topics",
                LocalSpark.session()
                        .range(3)
                        .selectExpr(
                                "id", "element_at(array('the sea', 'a whale', 'the Union'), int(id + 1)) as topic"));
        Path schema = Files.writeString(directory.resolve("schema.json"), """
            {"type": "object", "properties": {
              "title": {"type": "string", "maxLength": 30},
              "mood": {"enum": ["calm", "grave", "merry"]},
              "stars": {"type": "integer", "minimum": 1, "maximum": 5}},
             "required": ["title", "mood", "stars"], "additionalProperties": false}
            """);
        List<Row> rows = generate(
                topics,
                "--template",
                "A review of {topic} as JSON: ",
                "--json-schema",
                schema.toString(),
                "--samples",
                "3",
                "--temperature",
                "1.5",
                "--max-new-tokens",
                "200");
        assertThat(rows).hasSize(9);
        for (Row row : rows) {
            assertThat(row.<String>getAs("error")).isNull();
            assertThat(row.<String>getAs("finish_reason")).isEqualTo("stop");
            var json = new ObjectMapper().readTree(row.<String>getAs("generated_text"));
            assertThat(json.fieldNames()).toIterable().containsExactly("title", "mood", "stars");
            assertThat(json.get("title").textValue().codePoints().count()).isLessThanOrEqualTo(30);
            assertThat(json.get("mood").textValue()).isIn("calm", "grave", "merry");
            assertThat(json.get("stars").intValue()).isBetween(1, 5);
        }
        assertThat(rows.stream().map(row -> row.<String>getAs("generated_text")).distinct())
                .hasSizeGreaterThan(5);
    }

    @Test
    void choicesAndExpressionsHoldForEveryRow() {
        assertThat(generate(LocalSpark.PROMPTS, "--choices", "yes", "no", "--temperature", "1"))
                .hasSize(24)
                .allSatisfy(
                        row -> assertThat(row.<String>getAs("generated_text")).isIn("yes", "no"));
        assertThat(generate(LocalSpark.PROMPTS, "--regex", "[A-Z][a-z]{2,7}[.!]", "--temperature", "1"))
                .hasSize(24)
                .allSatisfy(
                        row -> assertThat(row.<String>getAs("generated_text")).matches("[A-Z][a-z]{2,7}[.!]"));
    }

    @Test
    void columnsSetARowsOwnParameters() {
        String prompts = write(
                "prompts",
                LocalSpark.session()
                        .range(6)
                        .selectExpr(
                                "id",
                                "'The state of the Union' as prompt",
                                "if(id < 4, 1.0, null) as temperature",
                                "if(id = 2, 7, 5) as seed",
                                "if(id = 3, 0, cast(null as int)) as max_new_tokens"));
        List<Row> rows = generate(
                prompts, "--row-params", "temperature,seed,max_new_tokens", "--max-new-tokens", "12", "--seed", "5");
        List<String> texts =
                rows.stream().map(row -> row.<String>getAs("generated_text")).toList();
        assertThat(texts.get(1)).as("the same seed").isEqualTo(texts.get(0));
        assertThat(texts.get(2)).as("another seed").isNotEqualTo(texts.get(0));
        assertThat(texts.get(4))
                .as("greedy, as the run is")
                .isEqualTo(texts.get(5))
                .isNotEqualTo(texts.get(0));
        assertThat(rows.get(3).<String>getAs("error"))
                .isEqualTo("column 'max_new_tokens': max-new-tokens must be at least 1, not 0");
    }

    @Test
    void theLikeliestTokensAreToldWhenAskedFor() {
        for (Row row : generate(LocalSpark.PROMPTS, "--logprobs", "3", "--max-new-tokens", "4")) {
            List<Integer> ids = row.getList(row.fieldIndex("token_ids"));
            List<Float> logProbabilities = row.getList(row.fieldIndex("token_logprobs"));
            List<scala.collection.Seq<Row>> top = row.getList(row.fieldIndex("top_logprobs"));
            assertThat(top).hasSameSizeAs(ids);
            for (int i = 0; i < ids.size(); i++) {
                assertThat(top.get(i).length()).isEqualTo(3);
                assertThat(top.get(i).apply(0).<Integer>getAs("token_id")).isEqualTo(ids.get(i));
                assertThat(top.get(i).apply(0).<Float>getAs("logprob")).isEqualTo(logProbabilities.get(i));
            }
        }
    }

    @Test
    void penaltiesBiasAndRepetitionShowInTheTexts() {
        List<Row> plain = generate(LocalSpark.PROMPTS, "--max-new-tokens", "24");
        assertThat(plain)
                .as("the likeliest tokens, which were not asked for")
                .hasSize(24)
                .allMatch(row -> row.isNullAt(row.fieldIndex("top_logprobs")));
        List<Row> penalized = generate(LocalSpark.PROMPTS, "--max-new-tokens", "24", "--repetition-penalty", "1.5");
        assertThat(distinctTokens(penalized)).isGreaterThan(distinctTokens(plain) * 1.2);
        assertThat(distinctTokens(generate(
                        LocalSpark.PROMPTS,
                        "--max-new-tokens",
                        "24",
                        "--frequency-penalty",
                        "1",
                        "--presence-penalty",
                        "1")))
                .isGreaterThan(distinctTokens(plain) * 1.2);
        List<Row> biased = generate(
                LocalSpark.PROMPTS, "--max-new-tokens", "24", "--logit-bias", "300=1000", "--stop-repetition", "4");
        assertThat(biased).hasSize(24).allSatisfy(row -> {
            assertThat(row.<String>getAs("finish_reason")).isEqualTo("repetition");
            assertThat(row.getList(row.fieldIndex("token_ids")).stream()
                            .distinct()
                            .count())
                    .isEqualTo(1);
        });
    }

    private static double distinctTokens(List<Row> rows) {
        return rows.stream()
                .mapToLong(row -> row.getList(row.fieldIndex("token_ids")).stream()
                        .distinct()
                        .count())
                .average()
                .orElseThrow();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "--repetition-penalty 0 | repetition-penalty must be a number above 0",
                "--presence-penalty 3 | presence-penalty must be from -2 to 2",
                "--frequency-penalty -3 | frequency-penalty must be from -2 to 2",
                "--logit-bias 9000=1 | --logit-bias: token 9000 is outside the vocabulary",
                "--logit-bias x=1 | --logit-bias",
                "--min-new-tokens 9 --max-new-tokens 8 | min-new-tokens must be from 0 to max-new-tokens 8, not 9",
                "--stop-repetition 1 | stop-repetition must be at least 2",
                "--logprobs 101 | logprobs must be from 0 to 100",
                "--row-params colour | row-params: 'colour' is none of temperature, top_k",
                "--row-params seed | --row-params: the input has no column 'seed'",
                "--prompt-column colour | the input has no column 'colour'; it has 'id', 'prompt'. Choose one with"
                        + " --prompt-column",
                "--template {colour} | --template: the input has no column 'colour'",
                "--template {colour | template: the { at 0 is not closed",
                "--template {id} --prompt-column prompt | a prompt comes from --template or from one column",
                "--regex (a | regex: ",
                "--json-schema nowhere.json | --json-schema nowhere.json cannot be read",
                "--json-schema {\"type\":\"thing\"} | json-schema: ",
                "--json-schema {} --schema-depth 51 | schema-depth must be from 0 to 50, not 51",
                "--regex a --choices b | give one of --regex, --json-schema and --choices",
                "--regex a --stop b | a text with a constraint ends where the constraint says"
            })
    void optionsThatCannotWorkAreRefusedInOneLine(String options, String message) {
        CommandRun run = run(LocalSpark.PROMPTS, options.split(" "));
        assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(2);
        assertThat(run.err())
                .contains("spark-qwen generate: ")
                .contains(message)
                .doesNotContain("\tat ");
        assertThat(directory.resolve("out")).doesNotExist();
    }

    private String write(String name, Dataset<Row> rows) {
        String path = directory.resolve(name).toString();
        rows.write().parquet(path);
        return path;
    }

    private List<Row> generate(String input, String... options) {
        CommandRun run = run(input, options);
        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        return LocalSpark.session()
                .read()
                .parquet(directory.resolve("out").toString())
                .sort(col("id"), col("sample"))
                .collectAsList();
    }

    private CommandRun run(String input, String... options) {
        List<String> all = new ArrayList<>(List.of("--mode", "overwrite"));
        all.addAll(List.of(options));
        return CommandRun.of(
                LittleModel.command("generate", input, directory.resolve("out"), all.toArray(String[]::new)));
    }
}
