package org.sparkqwen.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.LabelSource;
import org.sparkqwen.job.columns.RerankerPrompt;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.testing.LocalSpark;

/// Classification as a transformation of Datasets, with transformers' values for the sample model.
class ClassifyJobTest {
    private static final ContentColumn PROMPT = new ContentColumn.Text("prompt", SpecialTokens.TEXT);
    private static final StructType ROWS = new StructType()
            .add("id", DataTypes.IntegerType)
            .add("prompt", DataTypes.StringType)
            .add("labels", DataTypes.createArrayType(DataTypes.StringType));

    @Test
    void labelsOfAColumnHaveTransformersProbabilities() {
        Counters counters = Counters.register(LocalSpark.session());
        Work job = job(new LabelSource.FromColumn("labels"), false);
        job.prepare(LocalSpark.session());
        List<Row> rows = job.apply(
                        rows(
                                row(0, "The whale is an animal of the", " sea", " land", " air"),
                                row(1, "Moses said unto the people, Fear", " not", " ye", " the king of Babylon"),
                                row(2, "Call me", " Ishmael"),
                                row(3, "Call me", "a", "a"),
                                row(4, "Call me", "a", null),
                                RowFactory.create(5, "Call me", null),
                                row(6, null, "a", "b"),
                                row(7, "Call me", "a", ""),
                                row(8, "Call me")),
                        counters)
                .sort("id")
                .collectAsList();
        Row first = rows.getFirst();
        assertThat(first.<String>getAs("label")).isEqualTo(" sea");
        Map<String, Double> probabilities = first.getJavaMap(first.fieldIndex("label_probs"));
        assertThat(probabilities.get(" sea")).isCloseTo(0.8974265, within(1e-4));
        assertThat(probabilities.get(" land")).isCloseTo(0.0479793, within(1e-4));
        assertThat(first.<Double>getAs("margin")).isCloseTo(0.8974265 - 0.0545942, within(1e-4));
        assertThat(first.<Double>getAs("value")).isNull();
        assertThat(first.<Double>getAs("score")).isNull();
        assertThat(first.<Boolean>getAs("truncated")).isFalse();
        assertThat(first.<Integer>getAs("prompt_tokens")).isEqualTo(7);
        assertThat(first.<Integer>getAs("label_tokens")).isEqualTo(3);
        assertThat(rows.get(1).<String>getAs("label")).isEqualTo(" not");
        assertThat(rows.subList(2, 9))
                .extracting(row -> row.<String>getAs("error"))
                .containsExactly(
                        "' Ishmael' is the only label; there must be two to choose from",
                        "the label 'a' is there twice",
                        "label 2 is null",
                        "the list of labels is null",
                        "the text is null",
                        "label 2 is empty",
                        "there are no labels");
        assertThat(counters.promptTokens().value()).isEqualTo(3 * 7 + 3 * 9);
        assertThat(counters.sharedTokens().value()).isGreaterThanOrEqualTo(2 * 9);
    }

    @Test
    void numbersHaveAnExpectedValue() {
        Dataset<Row> rows = rows(row(0, "Quality of this text, from 0 to 5:"));
        Row row = job(new LabelSource.Fixed(new Labels(List.of("0", "1", "2", "3", "4", "5"))), true)
                .run(rows)
                .first();
        double expected = 0.4929954 + 2 * 0.324145 + 3 * 0.0599735 + 4 * 0.0625195 + 5 * 0.0481886;
        assertThat(row.<Double>getAs("value")).isCloseTo(expected, within(1e-3));
        assertThat(row.<String>getAs("label")).isEqualTo("1");

        LabelSource words = new LabelSource.Fixed(new Labels(List.of("1", "two")));
        assertThatThrownBy(() -> job(words, true)).hasMessage("the label 'two' is no number");
        Row rejected = job(new LabelSource.FromColumn("labels"), true)
                .run(rows(row(0, "x", "1", "two")))
                .first();
        assertThat(rejected.<String>getAs("error")).isEqualTo("the label 'two' is no number");
    }

    @Test
    void aRerankersScoreIsTheProbabilityOfYes() {
        StructType pairs = new StructType().add("query", "string").add("document", "string");
        Dataset<Row> rows = LocalSpark.session()
                .createDataFrame(
                        List.of(
                                RowFactory.create(
                                        "the creation", "In the beginning God created the heaven and the earth."),
                                RowFactory.create("the creation", "<|im_end|>"),
                                RowFactory.create(null, "x")),
                        pairs)
                .coalesce(1);
        RerankerPrompt prompt = new RerankerPrompt("query", "document", "Find verses");
        ClassifyJob.Settings settings = ClassifyJob.Settings.of(LocalSpark.model(), prompt);
        List<Row> all = new ClassifyJob(LocalSpark.model(), settings).run(rows).collectAsList();
        Row row = one(all, "In the beginning God created the heaven and the earth.");
        assertThat(row.<Double>getAs("score")).isCloseTo(0.0234669, within(1e-4));
        assertThat(row.<Boolean>getAs("truncated")).isFalse();
        assertThat(one(all, "<|im_end|>").<String>getAs("error")).isNull();
        assertThat(one(all, "x").<String>getAs("error")).isEqualTo("column 'query': the text is null");

        int tokens = row.<Integer>getAs("prompt_tokens");
        int longest = row.<Integer>getAs("label_tokens");
        Row cut = one(
                new ClassifyJob(LocalSpark.model(), settings.withContext(tokens - 3))
                        .run(rows)
                        .collectAsList(),
                "In the beginning God created the heaven and the earth.");
        assertThat(cut.<Boolean>getAs("truncated")).isTrue();
        assertThat(cut.<Integer>getAs("prompt_tokens")).isBetween(tokens - 3 - longest, tokens - 3);
    }

    @Test
    void everySettingIsAFactOfTheIdentity() {
        LabelSource labels = new LabelSource.Fixed(new Labels(List.of("a", "b")));
        assertThat(job(labels, false).identity())
                .containsOnlyKeys("job", "model", "prompt", "labels", "columns", "context", "numeric")
                .containsEntry("labels", "Fixed[labels=Labels[names=[a, b]]]")
                .containsEntry("context", "1024");
    }

    private static Row one(List<Row> rows, String document) {
        return rows.stream()
                .filter(row -> document.equals(row.getAs("document")))
                .findFirst()
                .orElseThrow();
    }

    private static Work job(LabelSource labels, boolean numeric) {
        return new ClassifyJob(
                LocalSpark.model(),
                ClassifyJob.Settings.of(LocalSpark.model(), PROMPT, labels).withNumeric(numeric));
    }

    private static Row row(int id, @Nullable String prompt, @Nullable String... labels) {
        return RowFactory.create(id, prompt, labels);
    }

    private static Dataset<Row> rows(Row... rows) {
        return LocalSpark.session().createDataFrame(Arrays.asList(rows), ROWS).coalesce(1);
    }
}
