package org.sparkqwen.job.run;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.sparkqwen.job.errors.ErrorKind;

/// What a finished run did, over all its starts.
///
/// @param rows how many input rows are done, including rejected ones
/// @param tokens the tokens computed for them; those of retried tasks count again
/// @param errors how many rows were rejected, by reason, the most frequent first. Reasons that differ only in numbers
///     are one.
/// @param wasComplete whether earlier starts had done everything, so that this one had nothing to do
/// @param warnings what a person should know of the run, a line each
public record RunSummary(long rows, long tokens, Map<String, Long> errors, boolean wasComplete, List<String> warnings) {
    public RunSummary {
        errors = Collections.unmodifiableMap(new LinkedHashMap<>(errors)); // keeps the order
        warnings = List.copyOf(warnings);
    }

    static RunSummary of(List<Commit> commits, boolean wasComplete, List<String> warnings) {
        List<ErrorKind> kinds = new ArrayList<>();
        commits.forEach(commit -> kinds.addAll(commit.errorKinds()));
        Map<String, Long> errors = new LinkedHashMap<>();
        ErrorKind.sorted(ErrorKind.together(kinds).values()).forEach(kind -> errors.put(kind.reason(), kind.rows()));
        return new RunSummary(
                commits.stream().mapToLong(Commit::rows).sum(),
                commits.stream().mapToLong(Commit::tokens).sum(),
                errors,
                wasComplete,
                warnings);
    }

    /// Returns how many rows were rejected.
    public long rejectedRows() {
        return errors.values().stream().mapToLong(Long::longValue).sum();
    }
}
