package org.sparkqwen.job;

import static java.util.Comparator.comparingDouble;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.substring;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LocalSpark;
import scala.jdk.javaapi.CollectionConverters;

/// Scoring as a transformation of Datasets, on a real local Spark.
public class ScoreJobTest {

    @Test
    void addsItsColumnsBehindThoseOfTheInput() {
        Dataset<Row> corpus = LocalSpark.corpus();
        Dataset<Row> scores = score(LocalSpark.model(), corpus, List.of());
        StructField[] fields = scores.schema().fields();
        assertThat(List.of(fields).subList(0, corpus.columns().length))
                .containsExactly(corpus.schema().fields());
        assertThat(List.of(scores.columns()).subList(corpus.columns().length, fields.length))
                .containsExactly(ScoreJob.SCHEMA.fieldNames());
        for (StructField added : ScoreJob.SCHEMA.fields()) {
            assertThat(scores.schema().apply(added.name()).dataType()).isEqualTo(added.dataType());
            assertThat(scores.schema().apply(added.name()).nullable()).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({"1, vector, 2, 2048", "17, auto, 2, 2048", "3, vector, 1, 1"})
    void givesTheSameBitsInAnyPartitioningBatchThreadsAndKernels(
            int partitions, KernelChoice kernels, int threads, int batchTokens) {
        assertSameBits(partitions, kernels, threads, batchTokens);
    }

    @ParameterizedTest
    @CsvSource({"3, vector, 2, 2048", "2, vector, 2, 100000", "3, scalar, 2, 2048"})
    @Tag("slow")
    void givesTheSameBitsInOtherPartitioningsBatchesAndKernels(
            int partitions, KernelChoice kernels, int threads, int batchTokens) {
        assertSameBits(partitions, kernels, threads, batchTokens);
    }

    private static void assertSameBits(int partitions, KernelChoice kernels, int threads, int batchTokens) {
        Dataset<Row> scores = score(
                LocalSpark.model(kernels, threads, batchTokens, 64),
                Expected.documents().repartition(partitions),
                List.of());
        assertThat(Expected.SCORES).hasSizeGreaterThan(25);
        assertThat(LocalSpark.sorted(scores)).isEqualTo(Expected.SCORES);
    }

    @Test
    void derivesEachColumnFromTheTokens() {
        Dataset<Row> documents = LocalSpark.corpus().filter(col("id").like("kjv%"));
        for (Row row : score(LocalSpark.model(), documents, List.of()).collectAsList()) {
            double nll = row.<Double>getAs("sum_nll");
            int scored = row.<Integer>getAs("tokens_scored");
            List<Float> logProbabilities = row.getList(row.fieldIndex("token_logprobs"));
            List<Integer> ids = row.getList(row.fieldIndex("token_ids"));
            assertThat(scored).isEqualTo(row.<Integer>getAs("tokens")).isEqualTo(ids.size());
            assertThat(logProbabilities).hasSameSizeAs(ids).doesNotContainNull();
            assertThat(logProbabilities.stream().mapToDouble(p -> -p).sum()).isCloseTo(nll, within(1e-3));
            assertThat(row.<Double>getAs("perplexity")).isCloseTo(Math.exp(nll / scored), within(1e-9));
            int bytes = row.<String>getAs("text").getBytes(StandardCharsets.UTF_8).length;
            assertThat(row.<Integer>getAs("bytes")).isEqualTo(bytes);
            assertThat(row.<Double>getAs("bits_per_byte")).isCloseTo(nll / bytes / Math.log(2), within(1e-12));
            assertThat(row.<Integer>getAs("words"))
                    .isEqualTo(row.<String>getAs("text").trim().split("\\s+").length);
            double lowest = logProbabilities.stream()
                    .sorted()
                    .limit(Math.max(1, scored / 5))
                    .mapToDouble(Float::doubleValue)
                    .average()
                    .orElseThrow();
            assertThat(row.<Double>getAs("min_k_prob")).isCloseTo(lowest, within(1e-5));
            assertThat(row.<String>getAs("model")).matches("tiny-qwen3@[0-9a-f]{12}");
            assertThat(row.<String>getAs("error")).isNull();
        }
    }

    @Test
    void detailsAddColumnsBehindTheOthers() {
        ScoreDetails details = new ScoreDetails(true, 3);
        ModelReference model = LocalSpark.model();
        ScoreJob.Settings settings = ScoreJob.Settings.of(model, LocalSpark.TEXT)
                .withColumns(List.of("id"))
                .withTokenLogprobs(true);
        Dataset<Row> documents =
                LocalSpark.corpus().filter(col("id").like("kjv%")).limit(3);
        Dataset<Row> plain = new ScoreJob(model, settings).run(documents);
        Dataset<Row> detailed = new ScoreJob(model, settings.withDetails(details)).run(documents);
        List<String> names = List.of(detailed.columns());
        assertThat(names.subList(plain.columns().length, names.size()))
                .containsExactly("mean_entropy", "min_k_plus_plus", "token_entropies", "top_logprobs");
        assertThat(ScoreJob.schema(details).fieldNames()).containsExactlyElementsOf(names.subList(1, names.size()));
        assertThat(LocalSpark.sorted(detailed.select("id", "sum_nll", "token_logprobs", "min_k_prob")))
                .isEqualTo(LocalSpark.sorted(plain.select("id", "sum_nll", "token_logprobs", "min_k_prob")));
        for (Row row : detailed.collectAsList()) {
            List<Float> entropies = row.getList(row.fieldIndex("token_entropies"));
            List<Integer> ids = row.getList(row.fieldIndex("token_ids"));
            List<Float> logProbabilities = row.getList(row.fieldIndex("token_logprobs"));
            List<scala.collection.Seq<Row>> top = row.getList(row.fieldIndex("top_logprobs"));
            assertThat(entropies).hasSameSizeAs(ids).doesNotContainNull();
            assertThat(entropies.stream()
                            .mapToDouble(Float::doubleValue)
                            .average()
                            .orElseThrow())
                    .isCloseTo(row.<Double>getAs("mean_entropy"), within(1e-5));
            assertThat(row.<Double>getAs("min_k_plus_plus")).isBetween(-10.0, 0.0);
            assertThat(top).hasSameSizeAs(ids);
            int foreseen = 0;
            for (int i = 0; i < top.size(); i++) {
                List<Row> tokens = CollectionConverters.asJava(top.get(i));
                assertThat(tokens).hasSize(3).isSortedAccordingTo(comparingDouble(token -> -token.getFloat(1)));
                assertThat(tokens.getFirst().getFloat(1)).isGreaterThanOrEqualTo(logProbabilities.get(i));
                for (Row token : tokens) {
                    if (token.getInt(0) == ids.get(i)) {
                        assertThat(token.getFloat(1)).isEqualTo(logProbabilities.get(i));
                        foreseen++;
                    }
                }
            }
            assertThat(foreseen).isGreaterThan(10);
        }
    }

    @Test
    void tokenEntropiesComeWithTokenLogprobs() {
        ModelReference model = LocalSpark.model();
        ScoreJob.Settings settings =
                ScoreJob.Settings.of(model, LocalSpark.TEXT).withDetails(new ScoreDetails(true, 0));
        Row row =
                new ScoreJob(model, settings).run(LocalSpark.corpus().limit(1)).first();
        assertThat(row.<Double>getAs("mean_entropy")).isPositive();
        assertThat(row.isNullAt(row.fieldIndex("token_entropies"))).isTrue();
    }

    @Test
    void passesOnlyTheColumnsAskedFor() {
        Dataset<Row> scores = score(LocalSpark.model(), LocalSpark.corpus().limit(3), List.of("source", "id"));
        assertThat(List.of(scores.columns()).subList(0, 3)).containsExactly("source", "id", "sum_nll");
        assertThat(scores.collectAsList()).hasSize(3);
    }

    public static Dataset<Row> score(ModelReference model, Dataset<Row> documents, List<String> columns) {
        return new ScoreJob(
                        model,
                        ScoreJob.Settings.of(model, LocalSpark.TEXT)
                                .withColumns(columns)
                                .withTokenLogprobs(true))
                .run(documents);
    }

    /// What one partition gives in batches of 700 tokens.
    private static final class Expected {
        static final List<String> SCORES = LocalSpark.sorted(score(
                LocalSpark.model(KernelChoice.VECTOR, 2, 700, 64), documents().coalesce(1), List.of()));

        static Dataset<Row> documents() {
            return LocalSpark.corpus()
                    .filter(col("id").like("%ab%").or(col("id").like("kjv%")))
                    .withColumn("text", substring(col("text"), 1, 300));
        }
    }
}
