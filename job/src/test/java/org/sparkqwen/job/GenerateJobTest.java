package org.sparkqwen.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Generation as a transformation of Datasets, on a real local Spark.
class GenerateJobTest {
    private static final ContentColumn PROMPT = new ContentColumn.Text("prompt", SpecialTokens.TEXT);
    private static final SamplingParams SAMPLING =
            new SamplingParams(24, 0.9, 50, 0.95, 0.01, 7, List.of("\n"), List.of());

    @ParameterizedTest
    @CsvSource({"1, VECTOR, 2, 64", "3, VECTOR, 1, 7", "17, VECTOR, 2, 1", "2, SCALAR, 2, 64"})
    void givesTheSameTextsInAnyPartitioningBatchThreadsAndKernels(
            int partitions, KernelChoice kernels, int threads, int maxSequences) {
        Dataset<Row> prompts = LocalSpark.session().read().parquet(LocalSpark.PROMPTS);
        List<String> expected =
                LocalSpark.sorted(generate(LocalSpark.model(KernelChoice.VECTOR, 2, 2048, 16), prompts));
        assertThat(expected).hasSize(48);
        assertThat(LocalSpark.sorted(generate(
                        LocalSpark.model(kernels, threads, 2048, maxSequences), prompts.repartition(partitions))))
                .isEqualTo(expected);
    }

    @Test
    void samplesOfAPromptDifferAndCarryTheirNumbers() {
        Dataset<Row> prompts =
                LocalSpark.session().read().parquet(LocalSpark.PROMPTS).limit(1);
        List<Row> texts = new GenerateJob(
                        LocalSpark.model(), new GenerateJob.Settings(PROMPT, List.of("id"), 5, SAMPLING))
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

    private static Dataset<Row> generate(ModelReference model, Dataset<Row> prompts) {
        return new GenerateJob(model, new GenerateJob.Settings(PROMPT, List.of(), 2, SAMPLING)).run(prompts);
    }
}
