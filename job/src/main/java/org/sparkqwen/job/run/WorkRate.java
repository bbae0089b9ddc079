package org.sparkqwen.job.run;

import java.util.ArrayList;
import java.util.List;

/// What a run did in a part of its time: in an interval, or in several that follow each other.
///
/// @param rows the input rows that were done
/// @param tokens the tokens that were computed for them
/// @param seconds how long it took
public record WorkRate(long rows, long tokens, double seconds) {
    /// The most parts that a run is divided into.
    private static final int MOST = 200;

    /// Returns the rates of a run from its beginning to its end. In a run with many intervals, a part has
    /// several of them.
    static List<WorkRate> of(List<Commit> commits) {
        int together = (commits.size() + MOST - 1) / MOST;
        List<WorkRate> rates = new ArrayList<>();
        for (int from = 0; from < commits.size(); from += together) {
            List<Commit> part = commits.subList(from, Math.min(commits.size(), from + together));
            rates.add(new WorkRate(
                    part.stream().mapToLong(Commit::rows).sum(),
                    part.stream().mapToLong(Commit::tokens).sum(),
                    part.stream().mapToDouble(Commit::seconds).sum()));
        }
        return rates;
    }

    /// Returns the tokens per second; 0 if no time was taken.
    public double tokensPerSecond() {
        return seconds > 0 ? tokens / seconds : 0;
    }
}
