package org.sparkqwen.engine.bench;

import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import org.sparkqwen.engine.kernels.measure.Bursts;
import org.sparkqwen.engine.kernels.measure.Stage;
import org.sparkqwen.engine.kernels.measure.Work;

/// A measurement: several rounds of the same work, and the machine's peaks around them.
///
/// @param part the part of the benchmark
/// @param sequences number of texts or documents that went through the model together
/// @param rounds the rounds that count, after warm-up; at least one
/// @param flops peak float32 operations a second of all threads, before the first round and after each
/// @param readBytes bytes a second that all threads read from memory, before the first round and after each
public record Measurement(Benchmark.Part part, int sequences, List<Round> rounds, Samples flops, Samples readBytes) {

    /// One round of a measurement.
    ///
    /// @param tokens number of tokens of documents or prompts, or of generated ones
    /// @param nanos time from the first token to the last result
    /// @param work the work of the kernels
    public record Round(long tokens, long nanos, Work work) {
        public double tokensPerSecond() {
            return tokens * 1e9 / nanos;
        }

        public double flopsPerSecond() {
            return work.totalFlops() * 1e9 / nanos;
        }

        public double weightBytesPerSecond() {
            return work.weightBytes() * 1e9 / nanos;
        }

        /// The time in which no kernel ran: the embedding, sampling, and the work between requests and batches.
        public long nanosOutsideKernels() {
            long inside = 0;
            for (Stage stage : Stage.values()) {
                inside += work.nanos(stage);
            }
            return nanos - inside;
        }
    }

    /// The round of median speed. All figures of a report come from it, so that they agree with each other.
    public Round median() {
        List<Round> sorted = rounds.stream()
                .sorted(Comparator.comparingDouble(Round::tokensPerSecond))
                .toList();
        return sorted.get((sorted.size() - 1) / 2);
    }

    public Samples tokensPerSecond() {
        return new Samples(rounds.stream().map(Round::tokensPerSecond).toList());
    }

    /// The median round's arithmetic as a share of the best burst of multiply-adds around the rounds.
    public double shareOfPeak() {
        return median().flopsPerSecond() / flops.best();
    }

    /// The share of the median round's time that its arithmetic would take at the rates of bursts amid that round,
    /// each stage at the rate of its own instruction; absent if there were no bursts.
    public OptionalDouble shareOfPeakMeanwhile() {
        Round median = median();
        Work work = median.work();
        double share = 0;
        for (Stage stage : Stage.values()) {
            double rate = work.flops(stage) * 1e9 / median.nanos();
            Bursts bursts = work.bursts(stage).nanos() > 0 ? work.bursts(stage) : work.allBursts();
            OptionalDouble ofStage = bursts.share(rate);
            if (ofStage.isEmpty()) {
                return OptionalDouble.empty();
            }
            share += ofStage.getAsDouble();
        }
        return OptionalDouble.of(share);
    }

    /// The bytes of weights that the median round read, as a share of the best burst of reading around the rounds.
    /// It is more than 1 if caches hold the weights.
    public double shareOfReadBytes() {
        return median().weightBytesPerSecond() / readBytes.best();
    }
}
