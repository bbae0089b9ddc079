package org.sparkqwen.engine.bench;

import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import org.sparkqwen.engine.kernels.measure.Stage;
import org.sparkqwen.engine.kernels.measure.Work;

/// Several rounds of the same work, and what the machine could do around them.
///
/// @param part what was measured
/// @param sequences texts or documents that went through the model together
/// @param rounds those that count, after warm-up; at least one
/// @param flops of all threads, before the first round and after each
/// @param readBytes likewise
public record Measurement(Benchmark.Part part, int sequences, List<Round> rounds, Samples flops, Samples readBytes) {

    /// One round.
    ///
    /// @param tokens documents' and prompts', or generated ones
    /// @param nanos from the first token to the last result
    /// @param work what the kernels did
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

        /// Time in which no kernel ran: the embedding, sampling, what goes on between requests and batches.
        public long nanosOutsideKernels() {
            long inside = 0;
            for (Stage stage : Stage.values()) {
                inside += work.nanos(stage);
            }
            return nanos - inside;
        }
    }

    /// The round of median speed, from which all figures of a report are taken, so that they agree with each other.
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

    /// The same as a share of what the threads' multiply-adds reached in bursts amid that round; absent where there
    /// were none.
    public OptionalDouble shareOfPeakMeanwhile() {
        Round median = median();
        return median.work().allBursts().share(median.flopsPerSecond());
    }

    /// The weights that the median round read as a share of the best burst of reading around the rounds. More than
    /// 1 where caches hold the weights.
    public double shareOfReadBytes() {
        return median().weightBytesPerSecond() / readBytes.best();
    }
}
