package org.sparkqwen.engine.kernels.measure;

import java.util.EnumMap;
import java.util.Map;

/// What kernels have done so far, by stage.
///
/// @param nanos time of the operations by stage, in nanoseconds of the caller's clock; keys are all stages
/// @param flops arithmetic operations of products by stage, where a multiply-add counts as two: `2 · tokens · inputs ·
///     outputs` of a linear layer, `4 · headDim` for a query head and each key that it sees. Computation that only
///     fills a tile is not counted, and neither are the operations of [Stage#REST]
/// @param bursts what the threads could do meanwhile, by stage, if that was measured
/// @param weightBytes bytes of weights that products read, each weight once an operation; with many tokens the kernels
///     may read them several times
public record Work(Map<Stage, Long> nanos, Map<Stage, Double> flops, Map<Stage, Bursts> bursts, double weightBytes) {

    /// The work since `earlier`.
    public Work since(Work earlier) {
        Map<Stage, Long> nanosSince = new EnumMap<>(Stage.class);
        Map<Stage, Double> flopsSince = new EnumMap<>(Stage.class);
        Map<Stage, Bursts> burstsSince = new EnumMap<>(Stage.class);
        for (Stage stage : Stage.values()) {
            nanosSince.put(stage, nanos(stage) - earlier.nanos(stage));
            flopsSince.put(stage, flops(stage) - earlier.flops(stage));
            burstsSince.put(stage, bursts(stage).minus(earlier.bursts(stage)));
        }
        return new Work(nanosSince, flopsSince, burstsSince, weightBytes - earlier.weightBytes);
    }

    public long nanos(Stage stage) {
        return nanos.getOrDefault(stage, 0L);
    }

    public double flops(Stage stage) {
        return flops.getOrDefault(stage, 0d);
    }

    public Bursts bursts(Stage stage) {
        return bursts.getOrDefault(stage, Bursts.NONE);
    }

    /// The bursts of all stages.
    public Bursts allBursts() {
        return bursts.values().stream().reduce(Bursts.NONE, Bursts::plus);
    }

    /// Arithmetic operations of all stages.
    public double totalFlops() {
        return flops.values().stream().mapToDouble(Double::doubleValue).sum();
    }
}
