package org.sparkqwen.engine.bench;

import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Predicate;

/// What a benchmark found.
///
/// @param coreFlops float32 operations a second of one thread at most, a multiply-add being two; before and after
/// @param flops likewise of all threads; before, after and between all rounds
/// @param readBytes bytes a second that all threads read from memory, at the same times
public record BenchmarkResult(Samples coreFlops, Samples flops, Samples readBytes, List<Measurement> measurements) {

    /// How many times the tokens a second of one text several at a time have; absent if either was not measured.
    public OptionalDouble toOne(Measurement decode) {
        return ratio(decode, other -> other.part() == Benchmark.Part.DECODE && other.sequences() == 1);
    }

    /// The same, to scoring's tokens a second.
    public OptionalDouble toScoring(Measurement decode) {
        return ratio(decode, other -> other.part() == Benchmark.Part.SCORE);
    }

    private OptionalDouble ratio(Measurement decode, Predicate<Measurement> to) {
        if (decode.part() != Benchmark.Part.DECODE) {
            return OptionalDouble.empty();
        }
        return measurements.stream()
                .filter(to)
                .mapToDouble(other -> decode.tokensPerSecond().median()
                        / other.tokensPerSecond().median())
                .findFirst();
    }
}
