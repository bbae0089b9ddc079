package org.sparkqwen.job;

import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.Penalties;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.executor.ExecutorEngine;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.testing.LocalSpark;

/// Generation as a transformation of Datasets, on a real local Spark.
class GenerateJobTest {
    private static final ContentColumn PROMPT = new ContentColumn.Text("prompt", SpecialTokens.TEXT);
    private static final GenerationParams PARAMS = new GenerationParams(
            new SamplingParams(0.9, 50, 0.95, 0.01, Penalties.NONE, Map.of(), 7),
            Ending.after(24).withStop(List.of("\n")));

    @ParameterizedTest
    @CsvSource({"1, vector, 2, 64", "3, vector, 1, 7", "17, vector, 2, 1", "2, scalar, 2, 64"})
    void givesTheSameTextsInAnyPartitioningBatchThreadsAndKernels(
            int partitions, KernelChoice kernels, int threads, int maxSequences) {
        Dataset<Row> prompts = LocalSpark.session().read().parquet(LocalSpark.PROMPTS);
        assertThat(Expected.TEXTS).hasSize(48);
        assertThat(LocalSpark.sorted(generate(
                        LocalSpark.model(kernels, threads, 2048, maxSequences), prompts.repartition(partitions))))
                .isEqualTo(Expected.TEXTS);
    }

    @Test
    void samplesOfAPromptDifferAndCarryTheirNumbers() {
        Dataset<Row> prompts =
                LocalSpark.session().read().parquet(LocalSpark.PROMPTS).limit(1);
        List<Row> texts = new GenerateJob(
                        LocalSpark.model(),
                        GenerateJob.Settings.of(PROMPT, PARAMS)
                                .withColumns(List.of("id"))
                                .withSamples(5))
                .run(prompts)
                .collectAsList();
        assertThat(texts).extracting(row -> row.<Integer>getAs("sample")).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
        assertThat(texts.stream()
                        .map(row -> row.<String>getAs("generated_text"))
                        .distinct())
                .hasSizeGreaterThan(2);
        for (Row row : texts) {
            List<Integer> ids = row.getList(row.fieldIndex("token_ids"));
            List<Float> logProbabilities = row.getList(row.fieldIndex("token_logprobs"));
            assertThat(row.<Integer>getAs("generated_tokens"))
                    .isEqualTo(ids.size())
                    .isEqualTo(logProbabilities.size());
            assertThat(row.<String>getAs("finish_reason")).isIn("stop", "length");
            assertThat(row.<String>getAs("generated_text")).doesNotContain("\n");
        }
    }

    @Test
    void whatIsCountedOfTextsInWorkIsCountedOnce() {
        Counters counters = Counters.register(LocalSpark.session());
        GenerateJob.Settings settings = GenerateJob.Settings.of(PROMPT, PARAMS).withSamples(3);
        Row total = new GenerateJob(LocalSpark.model(), settings)
                .apply(LocalSpark.session().read().parquet(LocalSpark.PROMPTS).limit(5), counters)
                .agg(sum("prompt_tokens"), sum("generated_tokens"), count(lit(1)))
                .first();
        assertThat(total.getLong(2)).isEqualTo(15);
        assertThat(counters.tokens().value()).isEqualTo(total.getLong(0) + total.getLong(1));
        assertThat(counters.rows().value()).isEqualTo(5);
    }

    /// Tasks are killed midway, as by a user or a failing stage, and the engine that they shared continues.
    @Test
    void killedTasksLeaveNothingInTheEngine() throws InterruptedException {
        SparkContext context = LocalSpark.session().sparkContext();
        ModelReference model = LocalSpark.model();
        Dataset<Row> prompts = LocalSpark.session().read().parquet(LocalSpark.PROMPTS);
        GenerationParams lengthy =
                new GenerationParams(SamplingParams.GREEDY.withTemperature(1).withSeed(7), Ending.after(900));
        GenerateJob.Settings settings = GenerateJob.Settings.of(PROMPT, lengthy).withSamples(8);
        try (ExecutorEngine.Lease lease = ExecutorEngine.lease(model)) {
            Engine engine = lease.engine();
            CompletableFuture<List<Row>> texts = CompletableFuture.supplyAsync(() -> {
                context.setJobGroup("killed", "texts that are killed", false);
                return new GenerateJob(model, settings).run(prompts).collectAsList();
            });
            await(() -> engine.blocksInUse() > 8);
            context.cancelJobGroup("killed");
            assertThatThrownBy(texts::join).hasMessageContaining("cancelled");
            await(() -> engine.blocksInUse() == 0);

            assertThat(generate(model, prompts.limit(2)).collectAsList())
                    .hasSize(4)
                    .allSatisfy(row -> assertThat(row.<String>getAs("error")).isNull());
        }
    }

    /// Waits longer than any of this takes on a busy machine.
    private static void await(BooleanSupplier condition) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("it did not come about in time").isLessThan(deadline);
            Thread.sleep(5);
        }
    }

    private static Dataset<Row> generate(ModelReference model, Dataset<Row> prompts) {
        return new GenerateJob(model, GenerateJob.Settings.of(PROMPT, PARAMS).withSamples(2)).run(prompts);
    }

    /// What the input's own partitions give in batches of 16 sequences.
    private static final class Expected {
        static final List<String> TEXTS = LocalSpark.sorted(generate(
                LocalSpark.model(KernelChoice.VECTOR, 2, 2048, 16),
                LocalSpark.session().read().parquet(LocalSpark.PROMPTS)));
    }
}
