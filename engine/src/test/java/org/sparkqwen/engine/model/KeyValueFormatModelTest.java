package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.BlockTable;
import org.sparkqwen.engine.cache.CacheLayout;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedMemory;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.testing.Golden;

/// What the format of the KV cache does to the sample model's log-probabilities of real documents.
class KeyValueFormatModelTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));

    @ParameterizedTest
    @EnumSource(KeyValueFormat.class)
    void shortDocumentsStayNearTransformers(KeyValueFormat format) {
        assertDistance(format, 300);
    }

    /// The distances are figures of docs/numerics.md.
    @ParameterizedTest
    @EnumSource(KeyValueFormat.class)
    @Tag("slow")
    void allDocumentsStayNearTransformers(KeyValueFormat format) {
        assertDistance(format, 1024);
    }

    @Test
    void everyBackEndReadsIntegersWithTheSameBits() {
        List<JsonNode> one = documents(300).subList(0, 1);
        List<double[]> scalar = results(one, KernelChoice.SCALAR, KeyValueFormat.INT8);
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            List<double[]> fast = results(one, kernels, KeyValueFormat.INT8);
            assertThat(fast.getFirst()).isEqualTo(scalar.getFirst());
        }
    }

    /// @param longest the most tokens of a document that is computed
    private static void assertDistance(KeyValueFormat format, int longest) {
        double worst = 0;
        double sum = 0;
        int tokens = 0;
        List<JsonNode> documents = documents(longest);
        List<double[]> ours = results(documents, KernelChoice.AUTO, format);
        for (int document = 0; document < ours.size(); document++) {
            double[] nll = Golden.doubles(documents.get(document).get("nll"));
            for (int i = 0; i < nll.length; i++) {
                double difference = -ours.get(document)[i] - nll[i];
                worst = Math.max(worst, Math.abs(difference));
                sum += difference;
            }
            tokens += nll.length;
        }
        double perplexity = Math.exp(sum / tokens) - 1;
        System.out.printf(
                "keys and values in %s: at most %.2g nats from transformers in a token of %d; perplexity %+.4f %%%n",
                format, worst, tokens, 100 * perplexity);
        assertThat(tokens).isGreaterThan(500);
        switch (format) {
            case F32 -> assertThat(worst).isLessThan(Golden.NLL_TOLERANCE);
            case BF16, INT8 -> assertThat(worst).isBetween(1e-3, 0.2);
        }
        assertThat(Math.abs(perplexity)).isLessThan(1e-3);
    }

    private static List<JsonNode> documents(int longest) {
        return GOLDEN.get("documents")
                .valueStream()
                .filter(document -> document.has("nll") && document.get("ids").size() <= longest)
                .toList();
    }

    /// The log-probabilities of each document's tokens after the first.
    private static List<double[]> results(List<JsonNode> documents, KernelChoice choice, KeyValueFormat format) {
        ModelConfig read = ModelConfig.read(Golden.SMALL_MODEL);
        try (Checkpoint checkpoint =
                        Checkpoint.open(Golden.SMALL_MODEL, read.family().names());
                Kernels kernels = choice.create(2, _ -> {})) {
            ModelConfig config = read.with(checkpoint);
            PackedLayout plan = TensorPlan.of(config)
                    .layout(tensor ->
                            checkpoint.find(tensor).orElseThrow().dtype().format());
            PackedMemory packed = PackedMemory.pack(checkpoint, plan);
            CacheLayout layout = new CacheLayout(config.attention(), format, config.layers(), 32);
            try (Weights weights = new Weights(config, packed, Long.MAX_VALUE, kernels.newBuffers());
                    Transformer transformer = new Transformer(config, weights, kernels);
                    BlockPool pool = new BlockPool(layout, Long.MAX_VALUE, kernels.newBuffers())) {
                List<double[]> results = new ArrayList<>();
                for (JsonNode document : documents) {
                    int[] tokens = Golden.ints(document.get("ids"));
                    Sequence sequence = new Sequence(tokens, BlockTable.of(pool, tokens.length));
                    int[] rows = IntStream.range(0, tokens.length - 1).toArray();
                    MemorySegment hidden = transformer.forward(Batch.of(List.of(sequence)), rows);
                    int[] targets = Arrays.copyOfRange(tokens, 1, tokens.length);
                    results.add(transformer.score(hidden, targets).logProbabilities());
                }
                return results;
            }
        }
    }
}
