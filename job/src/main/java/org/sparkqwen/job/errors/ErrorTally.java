package org.sparkqwen.job.errors;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.Collectors;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;

/// The errors of a run up to an interval's end, and the refusal when they are too many.
///
/// @param before the errors of the committed rows
/// @param origins finds the file of a row
/// @param kept how many rows are committed
/// @param rows the rows of the run up to the interval's end
/// @param last whether that is the run's end
public record ErrorTally(
        ErrorPolicy policy,
        Collection<ErrorKind> before,
        LongFunction<Origin> origins,
        long kept,
        long rows,
        boolean last) {
    private static final int EXAMPLES = 3;

    /// @param errors the errors found in the interval
    boolean isExceeded(long errors) {
        return policy.isExceeded(ErrorKind.total(before) + errors, rows, last);
    }

    /// @param found the errors found in the interval so far
    Refusal refusal(Collection<ErrorKind> found) {
        String stop = policy.onError() == ErrorPolicy.OnError.FAIL ? failure(found) : tooMany(found);
        return Refusal.failure("%s; %,d rows are done and kept".formatted(stop, kept));
    }

    private String failure(Collection<ErrorKind> found) {
        ErrorKind first = found.stream()
                .min(Comparator.comparing(ErrorKind::example, Long::compareUnsigned))
                .orElseThrow();
        return "%s: %s. --on-error fail ends the run there; with keep or drop the same command goes on"
                .formatted(origins.apply(first.example()), first.reason());
    }

    private String tooMany(Collection<ErrorKind> found) {
        List<ErrorKind> all = new ArrayList<>(before);
        all.addAll(found);
        List<ErrorKind> kinds = ErrorKind.sorted(ErrorKind.together(all).values());
        long errors = ErrorKind.total(kinds);
        String examples = kinds.stream().limit(EXAMPLES).map(this::example).collect(Collectors.joining(", "));
        return "stopped: %,d of the first %,d rows (%.0f %%) have errors already, more than --max-error-rate %s: %s%s"
                .formatted(
                        errors,
                        rows,
                        100.0 * errors / rows,
                        policy.rate(),
                        examples,
                        kinds.size() > EXAMPLES ? ", …" : "");
    }

    private String example(ErrorKind kind) {
        Origin origin = origins.apply(kind.example());
        return "\"%s\" (%,d rows%s)"
                .formatted(kind.reason(), kind.rows(), origin.isKnown() ? ", such as " + origin : "");
    }
}
