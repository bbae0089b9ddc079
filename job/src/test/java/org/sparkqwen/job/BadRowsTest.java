package org.sparkqwen.job;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.testing.LocalSpark;

/// A rejected row comes out with its reason. The rows beside it are unchanged, and none is lost.
class BadRowsTest {
    private static final StructType TEXTS =
            new StructType().add("id", DataTypes.IntegerType).add("text", DataTypes.StringType);

    @Test
    void textsOfEveryKindBecomeOneRowEach() {
        String longText = "word ".repeat(20_000);
        List<Row> rows = List.of(
                RowFactory.create(0, null),
                RowFactory.create(1, ""),
                RowFactory.create(2, "a"),
                RowFactory.create(3, longText),
                RowFactory.create(4, "lone \ud800 surrogate"),
                RowFactory.create(5, "to be replaced by bytes"),
                RowFactory.create(6, "A text.<|endoftext|>Another text."),
                RowFactory.create(7, "A healthy sentence."));
        Dataset<Row> documents = LocalSpark.session()
                .createDataFrame(rows, TEXTS)
                // ED A0 80 is a surrogate half in UTF-8's manner, which UTF-8 does not allow.
                .withColumn("text", expr("if(id = 5, cast(X'6869EDA080' as string), text)"));
        List<Row> scores = score(documents, LocalSpark.TEXT, Prefix.EOS);

        assertThat(scores).hasSize(8);
        assertError(scores.get(0), "the text is null");
        assertError(scores.get(1), "the text is empty");
        assertThat(scores.get(2).<Integer>getAs("tokens_scored")).isEqualTo(1);
        assertThat(scores.get(3).<Integer>getAs("tokens")).isGreaterThanOrEqualTo(20_000);
        assertThat(scores.get(3).<Integer>getAs("tokens_scored"))
                .isEqualTo(scores.get(3).<Integer>getAs("tokens"));
        assertThat(scores.get(4).<String>getAs("error")).isNull(); // Spark itself has made it a question mark
        assertThat(scores.get(4).<String>getAs("text")).isEqualTo("lone ? surrogate");
        assertError(scores.get(5), "the text is not valid UTF-8 at byte 2");
        assertThat(scores.get(6).<Integer>getAs("tokens")).isGreaterThan(10); // read as text, not as one token
        assertThat(scores.get(7).<Double>getAs("perplexity")).isPositive();
    }

    @Test
    void aMalformedTextPassesThroughByteForByte() {
        Dataset<Row> documents = LocalSpark.session()
                .range(1)
                .select(expr("int(id) as id"), expr("cast(X'6869EDA080FF' as string) as text"));
        Dataset<Row> scores = new ScoreJob(
                        LocalSpark.model(), ScoreJob.Settings.of(LocalSpark.model(), LocalSpark.TEXT))
                .run(documents);
        assertThat(scores.select(expr("hex(cast(text as binary))")).first().getString(0))
                .isEqualTo("6869EDA080FF");
    }

    @Test
    void withoutAPrefixOneTokenScoresNothingAndHasNoPerplexity() {
        Dataset<Row> documents = LocalSpark.session().createDataFrame(List.of(RowFactory.create(0, "a")), TEXTS);
        Row row = score(documents, LocalSpark.TEXT, Prefix.NONE).getFirst();
        assertThat(row.<String>getAs("error")).isNull();
        assertThat(row.<Integer>getAs("tokens_scored")).isZero();
        assertThat(row.<Double>getAs("sum_nll")).isZero();
        assertThat(row.<Double>getAs("perplexity")).isNull();
        assertThat(row.<Double>getAs("bits_per_byte")).isNull();
        assertThat(row.<Double>getAs("min_k_prob")).isNull();
    }

    @Test
    void specialTokensAreTokensWhereTheUserSaysSo() {
        Dataset<Row> documents = LocalSpark.session()
                .createDataFrame(List.of(RowFactory.create(0, "A text.<|endoftext|>Another text.")), TEXTS);
        List<Integer> asText =
                tokenIds(score(documents, LocalSpark.TEXT, Prefix.EOS).getFirst());
        List<Integer> parsed =
                tokenIds(score(documents, new ContentColumn.Text("text", SpecialTokens.PARSE), Prefix.EOS)
                        .getFirst());
        assertThat(parsed).contains(8189).hasSizeLessThan(asText.size());
        assertThat(asText).doesNotContain(8189);
    }

    @Test
    void tokenListsOfEveryKindBecomeOneRowEach() {
        StructType schema = new StructType()
                .add("id", DataTypes.IntegerType)
                .add("ids", DataTypes.createArrayType(DataTypes.LongType));
        Dataset<Row> documents = LocalSpark.session()
                .createDataFrame(
                        List.of(
                                RowFactory.create(0, new Long[] {32L, 300L, 8189L}),
                                RowFactory.create(1, null),
                                RowFactory.create(2, new Long[] {}),
                                RowFactory.create(3, new Long[] {1L, null}),
                                RowFactory.create(4, new Long[] {8192L}),
                                RowFactory.create(5, new Long[] {-1L}),
                                RowFactory.create(6, new Long[] {1L << 40})),
                        schema);
        List<Row> scores = score(documents, new ContentColumn.Tokens("ids"), Prefix.EOS);
        assertThat(scores).hasSize(7);
        assertThat(scores.get(0).<Integer>getAs("tokens_scored")).isEqualTo(3);
        assertThat(scores.get(0).<Integer>getAs("bytes")).isNull();
        assertThat(scores.get(0).<Integer>getAs("words")).isNull();
        assertError(scores.get(1), "the token list is null");
        assertError(scores.get(2), "the token list is empty");
        assertError(scores.get(3), "token 1 is null");
        assertError(scores.get(4), "token id 8192 is outside the vocabulary of 8192");
        assertError(scores.get(5), "token id -1 is outside any vocabulary");
        assertError(scores.get(6), "token id 1099511627776 is outside any vocabulary");
    }

    @Test
    void aPartitionOfBadRowsOnlyComesOutWhole() {
        Dataset<Row> nulls =
                LocalSpark.session().range(5_000).select(expr("int(id) as id"), expr("string(null) as text"));
        List<Row> scores = score(nulls, LocalSpark.TEXT, Prefix.EOS);
        assertThat(scores).hasSize(5_000).allSatisfy(row -> assertError(row, "the text is null"));
    }

    @Test
    void aPromptThatCannotBeContinuedBecomesARowForEachSample() {
        List<Row> rows = List.of(
                RowFactory.create(0, null),
                RowFactory.create(1, ""),
                RowFactory.create(2, "word ".repeat(2_000)),
                RowFactory.create(3, "The people"));
        Dataset<Row> prompts = LocalSpark.session().createDataFrame(rows, TEXTS);
        GenerationParams params = new GenerationParams(SamplingParams.GREEDY, Ending.after(4));
        List<Row> texts = new GenerateJob(
                        LocalSpark.model(),
                        GenerateJob.Settings.of(LocalSpark.TEXT, params).withSamples(2))
                .run(prompts).collectAsList().stream()
                        .sorted(Comparator.comparing((Row row) -> row.<Integer>getAs("id"))
                                .thenComparing(row -> row.<Integer>getAs("sample")))
                        .toList();
        assertThat(texts).hasSize(8);
        for (int sample = 0; sample < 2; sample++) {
            assertThat(texts.get(sample).<String>getAs("error")).isEqualTo("the text is null");
            assertThat(texts.get(2 + sample).<String>getAs("error")).isEqualTo("the text is empty");
            assertThat(texts.get(4 + sample).<String>getAs("error"))
                    .matches("a prompt of [0-9,]+ tokens leaves no room in a context of 1,024");
            assertThat(texts.get(4 + sample).<String>getAs("finish_reason")).isEqualTo("error");
            assertThat(texts.get(6 + sample).<String>getAs("error")).isNull();
            assertThat(texts.get(6 + sample).<Integer>getAs("sample")).isEqualTo(sample);
        }
    }

    private static List<Row> score(Dataset<Row> documents, ContentColumn content, Prefix prefix) {
        ScoringOptions scoring = new ScoringOptions(new Windows.Strided(1024, 512), prefix, 20);
        return new ScoreJob(
                        LocalSpark.model(),
                        ScoreJob.Settings.of(content, scoring).withTokenLogprobs(true))
                .run(documents).collectAsList().stream()
                        .sorted(Comparator.comparing((Row row) -> row.<Integer>getAs("id")))
                        .toList();
    }

    private static List<Integer> tokenIds(Row row) {
        return row.getList(row.fieldIndex("token_ids"));
    }

    private static void assertError(Row row, String message) {
        assertThat(row.<String>getAs("error")).isEqualTo(message);
        assertThat(row.<String>getAs("model")).isNotNull();
        List<String> others = Arrays.stream(ScoreJob.SCHEMA.fieldNames())
                .filter(name -> !name.equals("error") && !name.equals("model"))
                .toList();
        assertThat(others)
                .allSatisfy(name -> assertThat(row.<Object>getAs(name)).isNull());
    }
}
