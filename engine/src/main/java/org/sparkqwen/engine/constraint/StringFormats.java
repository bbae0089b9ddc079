package org.sparkqwen.engine.constraint;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;

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

    /// RFC 4291's forms, without an IPv4 address at the end.
    private static final String IPV6 = ("(?:(?:H:){7}H|(?:H:){1,7}:|(?:H:){1,6}:H|(?:H:){1,5}(?::H){1,2}"
                    + "|(?:H:){1,4}(?::H){1,3}|(?:H:){1,3}(?::H){1,4}|(?:H:){1,2}(?::H){1,5}|H:(?::H){1,6}"
                    + "|:(?:(?::H){1,7}|:))")
            .replace("H", "[0-9a-fA-F]{1,4}");

    /// RFC 1123's names, of so few and short labels that the whole is short enough, too.
    private static final String HOSTNAME =
            "LABEL(?:\\.LABEL){0,7}".replace("LABEL", "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,14}");

    /// RFC 3339's appendix A.
    private static final String DURATION = "P(?:(?:ND|NM(?:ND)?|NY(?:NM(?:ND)?)?)(?:TIME)?|TIME|NW)"
            .replace("TIME", "T(?:NH(?:NM(?:NS)?)?|NM(?:NS)?|NS)")
            .replace("N", "\\d{1,9}");

    private static final String URI_REST = "(?:\\?(?:CHAR|[/?])*)?(?:#(?:CHAR|[/?])*)?";

    private static final String URI_CHARACTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";

    /// RFC 3986's, without user names and addresses of numbers.
    private static final String URI = ("[A-Za-z][A-Za-z0-9+.-]{0,15}:(?://HOST(?::\\d{1,4})?(?:/CHAR*)*"
                    + "|/?CHAR+(?:/CHAR*)*)" + URI_REST)
            .replace("HOST", HOSTNAME)
            .replace("CHAR", URI_CHARACTER);

    private static final String URI_REFERENCE =
            "(?:" + URI + "|(?:/CHAR+)+/?" + URI_REST.replace("CHAR", URI_CHARACTER) + ")";

    private static final String JSON_POINTER = "(?:/(?:[^~/\\x00-\\x1f]|~[01])*)*";

    private static final Map<String, String> PATTERNS = Map.ofEntries(
            Map.entry("date", DATE),
            Map.entry("date-time", DATE + "T" + TIME),
            Map.entry("time", TIME),
            Map.entry("duration", DURATION),
            Map.entry("email", EMAIL),
            Map.entry("idn-email", EMAIL),
            Map.entry("hostname", HOSTNAME),
            Map.entry("idn-hostname", HOSTNAME),
            Map.entry("ipv4", BYTE + "(?:\\." + BYTE + "){3}"),
            Map.entry("ipv6", IPV6),
            Map.entry("uri", URI),
            Map.entry("iri", URI),
            Map.entry("uri-template", URI),
            Map.entry("uri-reference", URI_REFERENCE),
            Map.entry("iri-reference", URI_REFERENCE),
            Map.entry("json-pointer", JSON_POINTER),
            Map.entry("relative-json-pointer", "(?:0|[1-9]\\d{0,8})(?:#|" + JSON_POINTER + ")"),
            Map.entry("uuid", uuid(0)),
            Map.entry("uuid1", uuid(1)), // pydantic's names
            Map.entry("uuid3", uuid(3)),
            Map.entry("uuid4", uuid(4)),
            Map.entry("uuid5", uuid(5)),
            Map.entry("uuid6", uuid(6)),
            Map.entry("uuid7", uuid(7)));

    /// What was compiled already.
    private static final Map<String, Automaton> COMPILED = new ConcurrentHashMap<>();

    private StringFormats() {}

    /// The strings of a format; null if the name says nothing of the string, as of `password`, or is not
    /// known. A format that is not known is an annotation, as JSON Schema has it.
    static @Nullable Automaton of(Schema format) {
        String name = format.text();
        return PATTERNS.containsKey(name) ? COMPILED.computeIfAbsent(name, StringFormats::compiled) : null;
    }

    /// A version 0 stands for any.
    private static String uuid(int version) {
        return version == 0
                ? "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
                : "[0-9a-f]{8}-[0-9a-f]{4}-%d[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}".formatted(version);
    }

    private static Automaton compiled(String format) {
        return Language.deterministic(RegexParser.parse(PATTERNS.getOrDefault(format, "")));
    }
}
