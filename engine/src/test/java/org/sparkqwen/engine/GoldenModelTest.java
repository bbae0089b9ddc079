package org.sparkqwen.engine;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.testing.Golden;

/// Every reference model gives transformers' values in float32, with all kernels.
class GoldenModelTest {
    private static final double LOGIT_TOLERANCE = 1e-3;

    static Stream<Arguments> modelsAndKernels() {
        return Golden.MODELS.stream().flatMap(model -> BackEnds.choices().map(kernels -> Arguments.of(model, kernels)));
    }

    @ParameterizedTest
    @MethodSource("modelsAndKernels")
    void logProbabilitiesAndLogitsAreThoseOfTransformers(String model, KernelChoice kernels) {
        JsonNode golden = golden(model);
        double worstNll = 0;
        double worstLogit = 0;
        try (Engine engine = open(model, kernels)) {
            assertThat(golden.get("sequences")).hasSize(5);
            for (JsonNode sequence : golden.get("sequences")) {
                int[] ids = Golden.ints(sequence.get("ids"));
                double[] nll = Golden.doubles(sequence.get("nll"));
                Result.Scored scored = Golden.scored(engine, ids, Golden.unprefixed(1024, 1024));
                double[] ours = scored.score().tokenLogProbabilities();
                assertThat(scored.score().tokensScored()).isEqualTo(nll.length);
                assertThat(ours[0]).isNaN();
                for (int i = 0; i < nll.length; i++) {
                    assertThat(-ours[i + 1])
                            .as("token %d of %d", i + 1, ids.length)
                            .isCloseTo(nll[i], within(Golden.NLL_TOLERANCE));
                    worstNll = Math.max(worstNll, Math.abs(-ours[i + 1] - nll[i]));
                }
                double[] expected = Golden.doubles(sequence.get("last_logits"));
                worstLogit = Math.max(worstLogit, greatestDifference(lastLogits(engine, ids), expected));
                assertThat(worstLogit).as("of logits").isLessThanOrEqualTo(LOGIT_TOLERANCE);
            }
        }
        // These are the figures of docs/numerics.md.
        System.out.printf(
                "%s, %s: at most %.2g nats and %.2g in a logit from transformers%n",
                model, kernels, worstNll, worstLogit);
    }

    @ParameterizedTest
    @MethodSource("modelsAndKernels")
    void greedyTokensAreThoseOfTransformers(String model, KernelChoice kernels) {
        JsonNode golden = golden(model);
        try (Engine engine = open(model, kernels)) {
            assertThat(golden.get("greedy")).hasSize(3);
            for (JsonNode continuation : golden.get("greedy")) {
                int[] expected = Golden.ints(continuation.get("tokens"));
                assertThat(Golden.greedyPastEndOfText(engine, Golden.ints(continuation.get("prompt")), expected.length))
                        .containsExactly(expected);
            }
        }
    }

    private static float[] lastLogits(Engine engine, int[] ids) {
        int vocabulary = engine.config().vocabSize();
        return engine.model().onModel(transformer -> {
            Sequence sequence = engine.model().newScoringSequence(ids);
            MemorySegment hidden = transformer.forward(Batch.of(List.of(sequence)), new int[] {ids.length - 1});
            engine.model().endScoring(sequence);
            return transformer.logits(hidden, 1).asSlice(0, vocabulary * 4L).toArray(JAVA_FLOAT);
        });
    }

    private static double greatestDifference(float[] logits, double[] expected) {
        assertThat(logits).hasSameSizeAs(expected).doesNotContain(Float.NaN);
        double greatest = 0;
        for (int i = 0; i < expected.length; i++) {
            greatest = Math.max(greatest, Math.abs(logits[i] - expected[i]));
        }
        return greatest;
    }

    private static Path directory(String model) {
        return Golden.DIRECTORY.resolve("models").resolve(model);
    }

    private static JsonNode golden(String model) {
        return Golden.read(directory(model).resolve("golden.json"));
    }

    private static Engine open(String model, KernelChoice kernels) {
        return Engine.open(directory(model), Golden.options(kernels, 2, 2048));
    }
}
