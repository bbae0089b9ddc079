package org.sparkqwen.engine.sizing;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.disk.DiskRate;
import org.sparkqwen.engine.kernels.measure.MachinePeak;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.model.Weights;

/// A forecast for a model that is larger than the memory of this machine, from the rates of its disk and its
/// processors.
///
/// @param plan the weights that stay in memory, and those that each batch reads
/// @param diskRate bytes a second, read past the page cache; absent if that cannot be measured
/// @param flops float32 operations a second that scoring is expected to reach
/// @param flopsPerToken float32 operations that scoring a token takes, without attention
public record StreamingForecast(StreamingPlan plan, OptionalDouble diskRate, double flops, long flopsPerToken) {
    private static final int BURSTS = 3;

    /// The share of the peak that scoring reached with dense models and with mixtures of experts, see
    /// docs/benchmarks.md.
    private static final double SHARE_OF_PEAK = 0.6;

    /// The step in tokens in which batch sizes are given.
    private static final int TOKENS = 256;

    /// Makes a forecast, after some two seconds of measuring; empty if the weights fit into memory.
    ///
    /// @param layout the packed weights of `config`
    /// @param file a file on the disk from which the weights will be read, as large as possible
    public static Optional<StreamingForecast> of(
            ModelConfig config, PackedLayout layout, Path file, int batchTokens, int threads) {
        StreamingPlan plan =
                Weights.streamingPlan(config, layout, WeightMemory.available(config, batchTokens, threads));
        if (!plan.streams()) {
            return Optional.empty();
        }
        double flops = 0;
        try (MachinePeak peak = new MachinePeak(threads)) {
            for (int i = 0; i < BURSTS; i++) {
                flops = Math.max(flops, peak.flops());
            }
        }
        return Optional.of(new StreamingForecast(
                plan, DiskRate.measure(file), SHARE_OF_PEAK * flops, TensorPlan.flopsPerToken(config)));
    }

    /// The seconds that the disk takes for a batch.
    public OptionalDouble diskSeconds() {
        return diskRate.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(plan.streamedBytes() / diskRate.getAsDouble());
    }

    /// The number of tokens of a batch from which on arithmetic takes longer than the disk.
    public OptionalLong tokensAsLongAsTheDisk() {
        return diskRate.isEmpty()
                ? OptionalLong.empty()
                : OptionalLong.of(
                        TOKENS * (long) Math.ceil(diskSeconds().getAsDouble() * flops / flopsPerToken / TOKENS));
    }
}
