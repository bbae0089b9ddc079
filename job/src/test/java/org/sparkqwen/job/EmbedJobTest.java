package org.sparkqwen.job;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.rtrim;
import static org.apache.spark.sql.functions.substring;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LittleEmbeddingModel;
import org.sparkqwen.job.testing.LocalSpark;

/// Embedding as a transformation of Datasets, on a real local Spark.
class EmbedJobTest {
    private static final StructType TEXTS =
            new StructType().add("id", DataTypes.IntegerType).add("text", DataTypes.StringType);

    private static final int LITTLE_WIDTH = 32;

    @Test
    void textsOfEveryKindBecomeOneRowEach() {
        List<Row> rows = List.of(
                RowFactory.create(0, null),
                RowFactory.create(1, ""),
                RowFactory.create(2, "to be replaced by bytes"),
                RowFactory.create(3, "word ".repeat(2_000)),
                RowFactory.create(4, "A healthy sentence."));
        Dataset<Row> documents = LocalSpark.session()
                .createDataFrame(rows, TEXTS)
                .withColumn("text", expr("if(id = 2, cast(X'6869EDA080' as string), text)"));
        ModelReference model = ModelReference.open(LittleEmbeddingModel.directory());
        Dataset<Row> output = new EmbedJob(model, EmbedJob.Settings.of(model, LocalSpark.TEXT)).run(documents);
        assertThat(output.columns())
                .containsExactly("id", "text", "embedding", "tokens", "truncated", "model", "error");
        List<Row> embedded = output.collectAsList().stream()
                .sorted(Comparator.comparing(row -> row.<Integer>getAs("id")))
                .toList();
        assertThat(embedded).hasSize(5);
        assertError(embedded.get(0), "the text is null");
        assertThat(embedded.get(1).<Integer>getAs("tokens"))
                .as("the end-of-text token")
                .isEqualTo(1);
        assertError(embedded.get(2), "the text is not valid UTF-8 at byte 2");
        assertThat(embedded.get(3).<Integer>getAs("tokens")).isEqualTo(1024);
        assertThat(embedded.get(3).<Boolean>getAs("truncated")).isTrue();
        for (int i : new int[] {1, 3, 4}) {
            assertThat(length(embedded.get(i))).isCloseTo(1, within(1e-6));
            assertThat(embedded.get(i).getList(2)).hasSize(LITTLE_WIDTH);
        }
        assertThat(embedded.get(4).<Boolean>getAs("truncated")).isFalse();
        assertThat(embedded.get(4).<String>getAs("model")).matches("little-embedding-.*@[0-9a-f]{12}");
    }

    private static void assertError(Row row, String error) {
        assertThat(row.<String>getAs("error")).isEqualTo(error);
        assertThat(row.<Object>getAs("embedding")).isNull();
        assertThat(row.<Object>getAs("tokens")).isNull();
        assertThat(row.<Object>getAs("truncated")).isNull();
    }

    private static double length(Row row) {
        return Math.sqrt(row.<Float>getList(row.fieldIndex("embedding")).stream()
                .mapToDouble(number -> (double) number * number)
                .sum());
    }

    @Test
    void aPromptIsTextBeforeTheDocument() {
        ModelReference model = ModelReference.open(LittleEmbeddingModel.directory());
        EmbedJob.Settings settings = EmbedJob.Settings.of(model, LocalSpark.TEXT);
        String prompt = model.prompts().getOrDefault("query", "");
        assertThat(prompt).isEqualTo("Instruct: Find texts\nQuery:");
        Dataset<Row> texts = LocalSpark.session().createDataFrame(List.of(RowFactory.create(0, "the sea")), TEXTS);
        Row prompted =
                new EmbedJob(model, settings.withPrompt(prompt)).run(texts).first();
        Row written = new EmbedJob(model, settings)
                .run(texts.withColumn("text", concat(lit(prompt), col("text"))))
                .first();
        assertThat(prompted.<Float>getList(prompted.fieldIndex("embedding")))
                .isEqualTo(written.<Float>getList(written.fieldIndex("embedding")));
        assertThatThrownBy(() -> EmbedJob.Settings.of(model, new ContentColumn.Tokens("ids"))
                        .withPrompt(prompt))
                .hasMessageContaining("a prompt precedes texts");
    }

    @ParameterizedTest
    @CsvSource({"1, vector, 2, 2048", "5, auto, 1, 1"})
    void givesTheSameBitsInAnyPartitioningBatchThreadsAndKernels(
            int partitions, KernelChoice kernels, int threads, int batchTokens) {
        Dataset<Row> documents =
                LocalSpark.corpus().filter(col("id").like("kjv%")).withColumn("text", substring(col("text"), 1, 200));
        assertThat(LocalSpark.sorted(embedded(
                        LocalSpark.model(kernels, threads, batchTokens, 64), documents.repartition(partitions))))
                .isEqualTo(LocalSpark.sorted(
                        embedded(LocalSpark.model(KernelChoice.VECTOR, 2, 300, 64), documents.coalesce(1))));
    }

    private static Dataset<Row> embedded(ModelReference model, Dataset<Row> documents) {
        return new EmbedJob(
                        model,
                        EmbedJob.Settings.of(model, LocalSpark.TEXT)
                                .withDims(48)
                                .withColumns(List.of("id")))
                .run(documents);
    }

    /// A tenth of a corpus of Moby-Dick is of another kind. Those texts are the farthest from the mean of all. A
    /// causal model's last state says what may come next, so all texts end with the same word.
    @ParameterizedTest
    @CsvSource({"wordnet", "kjv"})
    void aPlantedTenthOfAnotherDomainIsSeparated(String planted) {
        Dataset<Row> whole = LocalSpark.corpus().filter(col("condition").equalTo("whole"));
        Dataset<Row> corpus = whole.filter(col("source").equalTo("moby-dick"))
                .unionByName(whole.filter(col("source").equalTo(planted))
                        .orderBy("id")
                        .limit(4))
                .withColumn("text", concat(rtrim(substring(col("text"), 1, 300)), lit(" The")));
        ModelReference model = LocalSpark.model();
        List<Row> rows = new EmbedJob(model, EmbedJob.Settings.of(model, LocalSpark.TEXT))
                .run(corpus)
                .collectAsList();
        assertThat(rows).hasSize(37);
        int width = model.config().hiddenSize();
        double[] mean = new double[width];
        rows.forEach(row -> {
            List<Float> embedding = row.getList(row.fieldIndex("embedding"));
            for (int i = 0; i < width; i++) {
                mean[i] += embedding.get(i) / rows.size();
            }
        });
        List<Row> farthest = rows.stream()
                .sorted(Comparator.comparingDouble(row -> product(row, mean)))
                .limit(4)
                .toList();
        assertThat(farthest)
                .allSatisfy(row -> assertThat(row.<String>getAs("source")).isEqualTo(planted));
    }

    private static double product(Row row, double[] mean) {
        List<Float> embedding = row.getList(row.fieldIndex("embedding"));
        double product = 0;
        for (int i = 0; i < mean.length; i++) {
            product += embedding.get(i) * mean[i];
        }
        return product;
    }

    @Test
    void aModelForEmbeddingsIsRefusedByOtherJobs() {
        ModelReference model = ModelReference.open(LittleEmbeddingModel.directory());
        assertThatThrownBy(() -> new ScoreJob(model, ScoreJob.Settings.of(model, LocalSpark.TEXT)))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("is a model for embeddings, as its modules.json says")
                .hasMessageContaining("compute embeddings with the command embed");
        GenerationParams params = new GenerationParams(SamplingParams.GREEDY, Ending.after(4));
        assertThatThrownBy(() -> new GenerateJob(model, GenerateJob.Settings.of(LocalSpark.TEXT, params)))
                .hasMessageContaining("is a model for embeddings");
    }
}
