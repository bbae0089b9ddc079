package org.sparkqwen.engine;

import java.util.List;

/// What a benchmark found.
///
/// @param coreFlops float32 operations a second of one thread at most, a multiply-add being two; before and after
/// @param flops likewise of all threads; before, after and between all rounds
/// @param readBytes bytes a second that all threads read from memory, at the same times
public record BenchmarkResult(Samples coreFlops, Samples flops, Samples readBytes, List<Measurement> measurements) {}
