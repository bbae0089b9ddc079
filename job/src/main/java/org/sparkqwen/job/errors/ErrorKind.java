package org.sparkqwen.job.errors;

import java.io.Serializable;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.sparkqwen.engine.message.Quote;

/// Rows that cannot be worked on for one kind of reason. Reasons that differ in numbers only are of one kind:
/// `token id 8192 is outside the vocabulary` and the same of 9000.
///
/// @param reason of one of them, that with the lowest number
/// @param rows how many
/// @param example the number of that row, see `PlannedRows`; negative if it has none
public record ErrorKind(String reason, long rows, long example) implements Serializable {

    /// Parts of a reason that tell rows apart, not reasons. As Spark's `regexp_replace` takes it, too.
    static final String NUMBERS = "[0-9][0-9,.]*";

    private static final Pattern NUMBER = Pattern.compile(NUMBERS);

    /// A reason may hold a value of the row; that much of it is kept.
    private static final int LONGEST = 200;

    public ErrorKind {
        reason = shown(reason);
    }

    /// Escaped and cut, so that a key of one is no longer than that whatever its row holds.
    private static String shown(String reason) {
        String line = Quote.line(reason);
        return line.substring(0, Math.min(LONGEST, line.length()));
    }

    /// What tells kinds apart.
    String key() {
        return key(reason);
    }

    public static String key(String reason) {
        return NUMBER.matcher(shown(reason)).replaceAll("#");
    }

    ErrorKind plus(ErrorKind other) {
        boolean first = Long.compareUnsigned(example, other.example) <= 0; // no number comes last
        return new ErrorKind(first ? reason : other.reason, rows + other.rows, first ? example : other.example);
    }

    /// Kinds by key.
    static Map<String, ErrorKind> together(Collection<ErrorKind> kinds) {
        Map<String, ErrorKind> together = new HashMap<>();
        kinds.forEach(kind -> together.merge(kind.key(), kind, ErrorKind::plus));
        return together;
    }

    /// The commonest first.
    static List<ErrorKind> sorted(Collection<ErrorKind> kinds) {
        return kinds.stream()
                .sorted(Comparator.comparingLong(ErrorKind::rows).reversed().thenComparing(ErrorKind::reason))
                .toList();
    }

    /// Rows of all kinds.
    public static long total(Collection<ErrorKind> kinds) {
        return kinds.stream().mapToLong(ErrorKind::rows).sum();
    }
}
