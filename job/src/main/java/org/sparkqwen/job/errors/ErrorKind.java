package org.sparkqwen.job.errors;

import java.io.Serializable;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.sparkqwen.engine.message.Quote;

/// Rejected rows with the same kind of reason. Reasons that differ only in numbers are one kind, such as
/// `token id 8192 is outside the vocabulary` and the same message with 9000.
///
/// @param reason the reason of the row with the lowest number
/// @param rows how many rows there are
/// @param example the number of that row, see `PlannedRows`; negative if it has none
public record ErrorKind(String reason, long rows, long example) implements Serializable {

    /// The parts of a reason that differ between rows of one kind. Spark's `regexp_replace` takes the same pattern.
    static final String NUMBERS = "[0-9][0-9,.]*";

    private static final Pattern NUMBER = Pattern.compile(NUMBERS);

    /// The longest reason that is kept, because a reason may hold a value of the row.
    private static final int LONGEST = 200;

    public ErrorKind {
        reason = shown(reason);
    }

    /// Escapes a reason and cuts it to [#LONGEST], so that keys stay short whatever the row holds.
    private static String shown(String reason) {
        String line = Quote.line(reason);
        return line.substring(0, Math.min(LONGEST, line.length()));
    }

    /// Returns the key that distinguishes kinds.
    String key() {
        return key(reason);
    }

    public static String key(String reason) {
        return NUMBER.matcher(shown(reason)).replaceAll("#");
    }

    ErrorKind plus(ErrorKind other) {
        boolean first = Long.compareUnsigned(example, other.example) <= 0; // a row without a number comes last
        return new ErrorKind(first ? reason : other.reason, rows + other.rows, first ? example : other.example);
    }

    /// Merges kinds with the same key.
    public static Map<String, ErrorKind> together(Collection<ErrorKind> kinds) {
        Map<String, ErrorKind> together = new HashMap<>();
        kinds.forEach(kind -> together.merge(kind.key(), kind, ErrorKind::plus));
        return together;
    }

    /// Sorts kinds by frequency, the most frequent first.
    public static List<ErrorKind> sorted(Collection<ErrorKind> kinds) {
        return kinds.stream()
                .sorted(Comparator.comparingLong(ErrorKind::rows).reversed().thenComparing(ErrorKind::reason))
                .toList();
    }

    /// Counts the rows of all kinds.
    public static long total(Collection<ErrorKind> kinds) {
        return kinds.stream().mapToLong(ErrorKind::rows).sum();
    }
}
