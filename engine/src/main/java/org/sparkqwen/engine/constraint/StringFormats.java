package org.sparkqwen.engine.constraint;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.lucene.util.automaton.Automaton;

/// The strings of the formats that JSON schemas name, as regular expressions.
final class StringFormats {
    /// Years from 0001, since not everybody has a year 0.
    private static final String YEAR = "(?:[1-9]\\d{3}|0[1-9]\\d{2}|00[1-9]\\d|000[1-9])";

    private static final String LEAP_YEAR =
            "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)";

    /// RFC 3339's full-date, each month with its days.
    private static final String DATE = "(?:" + YEAR
            + "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
            + "|02-(?:0[1-9]|1\\d|2[0-8]))|" + LEAP_YEAR + "-02-29)";

    /// RFC 3339's full-time, without leap seconds, and with offsets that java.time has, too.
    private static final String TIME =
            "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:0\\d|1[0-7]):[0-5]\\d)";

    private static final String BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

    /// Of the addresses that RFC 5321 allows, those that nobody disputes.
    private static final String EMAIL = "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}"
            + "@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,3}[A-Za-z]{2,18}";

    private static final SortedMap<String, String> PATTERNS = new TreeMap<>(Map.of(
            "date",
            DATE,
            "date-time",
            DATE + "T" + TIME,
            "email",
            EMAIL,
            "ipv4",
            BYTE + "(?:\\." + BYTE + "){3}",
            "time",
            TIME,
            "uuid",
            "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"));

    private StringFormats() {}

    /// @throws RefusedConstraint if the format is not supported
    static Automaton of(Schema format) {
        String pattern = PATTERNS.get(format.text());
        if (pattern == null) {
            throw format.refused("the format %s is not supported; %s are"
                    .formatted(format.node(), String.join(", ", PATTERNS.keySet())));
        }
        return RegexParser.parse(pattern);
    }
}
