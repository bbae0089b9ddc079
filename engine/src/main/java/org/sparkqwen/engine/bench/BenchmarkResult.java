package org.sparkqwen.engine.bench;

import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Predicate;

/// The results of a benchmark.
///
/// @param coreFlops peak float32 operations a second of one thread, where a multiply-add counts as two; measured before
///     and after
/// @param flops peak float32 operations a second of all threads; measured before, after and between all rounds
/// @param readBytes bytes a second that all threads read from memory, measured at the same times as `flops`
public record BenchmarkResult(Samples coreFlops, Samples flops, Samples readBytes, List<Measurement> measurements) {

    /// The speedup of decoding several texts at a time over one text, in tokens a second; absent if either was not
    /// measured.
    public OptionalDouble toOne(Measurement measurement) {
        return measurement.part() == Benchmark.Part.DECODE
                ? ratio(measurement, other -> other.part() == Benchmark.Part.DECODE && other.sequences() == 1)
                : OptionalDouble.empty();
    }

    /// The speed of decoding, or of scoring with entropies, in relation to that of scoring, in tokens a second;
    /// absent if either was not measured.
    public OptionalDouble toScoring(Measurement measurement) {
        return switch (measurement.part()) {
            case ENTROPY, DECODE -> ratio(measurement, other -> other.part() == Benchmark.Part.SCORE);
            case SCORE, CLASSIFY, EMBED, PREFILL -> OptionalDouble.empty();
        };
    }

    private OptionalDouble ratio(Measurement measurement, Predicate<Measurement> to) {
        return measurements.stream()
                .filter(to)
                .mapToDouble(other -> measurement.tokensPerSecond().median()
                        / other.tokensPerSecond().median())
                .findFirst();
    }
}
