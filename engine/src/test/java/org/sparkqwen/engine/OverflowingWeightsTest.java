package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;

/// Some weights are not finite, or make activations overflow. A request that meets them is rejected, and no
/// other request is.
class OverflowingWeightsTest {
    private static final Path TIED = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final Path UNTIED = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");
    private static final ScoringOptions WHOLE = Golden.unprefixed(256, 256);

    /// A token of the untied model whose embedding is NaN, and texts with and without it.
    private static final int BROKEN_TOKEN = 7;

    private static final int[] BROKEN = {1, 2, 3, 4, 5, 6, BROKEN_TOKEN, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    private static final int[] SOUND = {20, 21, 22, 23};

    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource({
        "model.norm.weight, NaN",
        "model.norm.weight, Infinity",
        "model.layers.1.mlp.up_proj.weight, NaN",
        "model.layers.0.self_attn.k_norm.weight, NaN",
        "model.layers.2.self_attn.v_proj.weight, -Infinity",
        "model.layers.0.input_layernorm.weight, NaN",
        "model.layers.0.mlp.gate_proj.weight, Infinity"
    })
    void requestsOfABrokenModelAreRejectedByAllKernels(String tensor, float value) {
        ModelCopy.of(TIED, directory).weights("model.safetensors", tensor, 0, value);
        for (KernelChoice kernels : BackEnds.choices().toList()) {
            try (Engine engine = open(directory, kernels)) {
                assertThat(score(engine, SOUND))
                        .isInstanceOfSatisfying(
                                Result.Rejected.class,
                                rejected -> assertThat(rejected.reason())
                                        .matches("the model gives token \\d+ a log-probability of (NaN|-?Infinity); "
                                                + "its weights or activations overflow"));
                assertThat(generate(engine, SOUND))
                        .isInstanceOfSatisfying(
                                Result.Rejected.class,
                                rejected -> assertThat(rejected.reason())
                                        .isEqualTo("the model's logits are not finite after token 3; "
                                                + "its weights or activations overflow"));
                assertThat(engine.blocksInUse()).isZero();
            }
        }
    }

    /// The blocks of a text that overflowed are used for the next text, and must not spoil it.
    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#choices")
    void aTextAfterAnOverflowingOneHasItsOwnBits(KernelChoice kernels) {
        Result.Scored expected;
        Result.Generated continuation;
        try (Engine sound = open(UNTIED, kernels)) {
            expected = (Result.Scored) score(sound, SOUND);
            continuation = (Result.Generated) generate(sound, SOUND);
        }
        try (Engine engine = openWithBrokenToken(kernels)) {
            assertThat(score(engine, BROKEN)).isInstanceOf(Result.Rejected.class);
            assertSame(score(engine, SOUND), expected);
            assertThat(generate(engine, BROKEN)).isInstanceOf(Result.Rejected.class);
            assertThat(generate(engine, SOUND)).isEqualTo(continuation);
        }
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#choices")
    void aTextBesideAnOverflowingOneHasItsOwnBits(KernelChoice kernels) {
        Result.Scored expected;
        Result.Generated continuation;
        try (Engine sound = open(UNTIED, kernels)) {
            expected = (Result.Scored) score(sound, SOUND);
            continuation = (Result.Generated) generate(sound, SOUND);
        }
        try (Engine engine = openWithBrokenToken(kernels)) {
            List<Result> scored = Golden.all(engine.score(List.of(
                            Golden.score(0, SOUND, WHOLE),
                            Golden.score(1, BROKEN, WHOLE),
                            Golden.score(2, SOUND, WHOLE))
                    .iterator()));
            assertSame(scored.get(0), expected);
            assertThat(scored.get(1)).isInstanceOf(Result.Rejected.class);
            assertSame(scored.get(2), expected);

            List<Result> generated = Golden.all(engine.generate(
                    List.of(Golden.generate(0, SOUND, Golden.greedy(6)), Golden.generate(1, BROKEN, Golden.greedy(6)))
                            .iterator()));
            assertThat(generated.get(0)).isEqualTo(continuation);
            assertThat(generated.get(1)).isInstanceOf(Result.Rejected.class);
        }
    }

    private Engine openWithBrokenToken(KernelChoice kernels) {
        float[] nan = new float[128];
        Arrays.fill(nan, Float.NaN);
        ModelCopy.of(UNTIED, directory)
                .weights("model-00001-of-00002.safetensors", "model.embed_tokens.weight", BROKEN_TOKEN * 128, nan);
        return open(directory, kernels);
    }

    private static void assertSame(Result result, Result.Scored expected) {
        assertThat(result)
                .isInstanceOfSatisfying(
                        Result.Scored.class,
                        scored -> assertThat(scored.score().tokenLogProbabilities())
                                .isEqualTo(expected.score().tokenLogProbabilities()));
    }

    private static Result score(Engine engine, int[] tokens) {
        return engine.score(List.of(Golden.score(0, tokens, WHOLE)).iterator()).next();
    }

    private static Result generate(Engine engine, int[] tokens) {
        return engine.generate(
                        List.of(Golden.generate(0, tokens, Golden.greedy(6))).iterator())
                .next();
    }

    private static Engine open(Path directory, KernelChoice kernels) {
        return Engine.open(directory, Golden.options(kernels, 2, 256));
    }
}
