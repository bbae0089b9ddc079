package org.sparkqwen.engine.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.BlockTable;
import org.sparkqwen.engine.cache.CacheLayout;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.PackedMemory;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ScaledBytes;

/// Whole models whose matrices are packed in a format, from the checkpoint to log-probabilities and logits.
class WeightFormatModelTest {
    /// How far a token's log-probability may be from the checkpoint's, in nats, where a format rounds. The weights
    /// of these models are random, and no group of them has numbers that are alike.
    private static double rounded(WeightFormat format) {
        return format == KnownFormat.INT4 ? 2 : 0.5;
    }

    private static final List<String> MODELS = List.of("dense-tied-f32", "dense-untied-bf16-2shards", "moe-mixed-bf16");

    static Stream<WeightFormat> formats() {
        return Stream.concat(Arrays.stream(KnownFormat.values()), Stream.of(new ScaledBytes()));
    }

    @ParameterizedTest
    @MethodSource("formats")
    void aModelInAnyFormatGivesTheSameBitsOnAllKernelsAndNearlyTheSameNumbers(WeightFormat format) {
        for (String model : MODELS) {
            List<Double> scalar = results(model, KernelChoice.SCALAR, _ -> format);
            for (KernelChoice kernels : BackEnds.fastChoices()) {
                assertThat(results(model, kernels, _ -> format)).isEqualTo(scalar);
            }
            List<Double> exact = results(model, KernelChoice.VECTOR, UnaryOperator.identity());
            for (int i = 0; i < exact.size(); i++) {
                assertThat(Math.abs(scalar.get(i) - exact.get(i))).isLessThan(rounded(format));
            }
        }
    }

    /// float32 holds every number of a checkpoint.
    @ParameterizedTest
    @FieldSource("MODELS")
    void aModelInFloat32HasTheBitsOfOneInTheFormatOfItsCheckpoint(String model) {
        assertThat(results(model, KernelChoice.VECTOR, _ -> KnownFormat.F32))
                .isEqualTo(results(model, KernelChoice.VECTOR, UnaryOperator.identity()));
    }

    /// The log-probabilities of a sequence's tokens, and the logits after its last one.
    ///
    /// @param format the format of each matrix, from the one that keeps the checkpoint's numbers
    private static List<Double> results(String name, KernelChoice choice, UnaryOperator<WeightFormat> format) {
        Path directory = Golden.DIRECTORY.resolve("models").resolve(name);
        ModelConfig read = ModelConfig.read(directory);
        try (Checkpoint checkpoint = Checkpoint.open(directory, read.family().names());
                Kernels kernels = choice.create(2, _ -> {})) {
            ModelConfig config = read.with(checkpoint);
            PackedMemory packed = PackedMemory.pack(
                    checkpoint,
                    TensorPlan.of(config)
                            .layout(tensor -> format.apply(checkpoint
                                    .find(tensor)
                                    .orElseThrow()
                                    .dtype()
                                    .format())));
            CacheLayout layout = new CacheLayout(config.attention(), KeyValueFormat.F32, config.layers(), 32);
            try (Weights weights = new Weights(config, packed, Long.MAX_VALUE, kernels.newBuffers());
                    Transformer transformer = new Transformer(config, weights, kernels);
                    BlockPool pool = new BlockPool(layout, Long.MAX_VALUE, kernels.newBuffers())) {
                int[] tokens = new Random(9).ints(100, 0, config.vocabSize()).toArray();
                Sequence sequence = new Sequence(tokens, BlockTable.of(pool, tokens.length));
                int[] rows = IntStream.range(0, tokens.length).toArray();
                MemorySegment hidden = transformer.forward(Batch.of(List.of(sequence)), rows);
                int[] targets = IntStream.of(rows)
                        .map(row -> tokens[(row + 1) % tokens.length])
                        .toArray();
                List<Double> results = new ArrayList<>();
                for (double score : transformer.score(hidden, targets).logProbabilities()) {
                    results.add(score);
                }
                transformer.logits(hidden, 1);
                MemorySegment logits = transformer.logitsOnHost(1);
                for (int token = 0; token < config.vocabSize(); token++) {
                    results.add((double) logits.getAtIndex(JAVA_FLOAT, token));
                }
                return results;
            }
        }
    }
}
