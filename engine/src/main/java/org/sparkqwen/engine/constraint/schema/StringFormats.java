package org.sparkqwen.engine.constraint.schema;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.regex.RegexParser;

/// The strings of the formats that JSON schemas name, as regular expressions.
final class StringFormats {
    /// Years from 0001, because not every program accepts a year 0.
    private static final String YEAR = "(?:[1-9]\\d{3}|0[1-9]\\d{2}|00[1-9]\\d|000[1-9])";

    private static final String LEAP_YEAR =
            "(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)";

    /// The full-date of RFC 3339, with the right number of days for each month.
    private static final String DATE = "(?:" + YEAR
            + "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
            + "|02-(?:0[1-9]|1\\d|2[0-8]))|" + LEAP_YEAR + "-02-29)";

    /// The full-time of RFC 3339, without leap seconds, and only with offsets that java.time accepts.
    private static final String TIME =
            "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:0\\d|1[0-7]):[0-5]\\d)";

    private static final String BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

    /// Some of the addresses that RFC 5321 allows, namely those that every program accepts.
    private static final String EMAIL = "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}"
            + "@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,3}[A-Za-z]{2,18}";

    /// The forms of RFC 4291, without an IPv4 address at the end.
    private static final String IPV6 = ("(?:(?:H:){7}H|(?:H:){1,7}:|(?:H:){1,6}:H|(?:H:){1,5}(?::H){1,2}"
                    + "|(?:H:){1,4}(?::H){1,3}|(?:H:){1,3}(?::H){1,4}|(?:H:){1,2}(?::H){1,5}|H:(?::H){1,6}"
                    + "|:(?:(?::H){1,7}|:))")
            .replace("H", "[0-9a-fA-F]{1,4}");

    /// The names of RFC 1123. Labels are so few and so short that the whole name is short enough, too.
    private static final String HOSTNAME =
            "LABEL(?:\\.LABEL){0,7}".replace("LABEL", "[A-Za-z0-9](?:-?[A-Za-z0-9]){0,14}");

    /// The durations of appendix A of RFC 3339.
    private static final String DURATION = "P(?:(?:ND|NM(?:ND)?|NY(?:NM(?:ND)?)?)(?:TIME)?|TIME|NW)"
            .replace("TIME", "T(?:NH(?:NM(?:NS)?)?|NM(?:NS)?|NS)")
            .replace("N", "\\d{1,9}");

    private static final String URI_REST = "(?:\\?(?:CHAR|[/?])*)?(?:#(?:CHAR|[/?])*)?";

    private static final String URI_CHARACTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";

    /// The URIs of RFC 3986, without user names and numeric addresses.
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
            Map.entry("uuid1", uuid(1)), // the names that pydantic uses
            Map.entry("uuid3", uuid(3)),
            Map.entry("uuid4", uuid(4)),
            Map.entry("uuid5", uuid(5)),
            Map.entry("uuid6", uuid(6)),
            Map.entry("uuid7", uuid(7)));

    /// The formats that are compiled already.
    private static final Map<String, Automaton> COMPILED = new ConcurrentHashMap<>();

    private StringFormats() {}

    /// Returns the strings of a format. It is null if the format says nothing about the string, such as
    /// `password`, or is not known. JSON Schema defines that an unknown format is an annotation.
    static @Nullable Automaton of(Schema format) {
        String name = format.text();
        return PATTERNS.containsKey(name) ? COMPILED.computeIfAbsent(name, StringFormats::compiled) : null;
    }

    /// Returns the UUIDs of a version, where version 0 stands for any.
    private static String uuid(int version) {
        return version == 0
                ? "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
                : "[0-9a-f]{8}-[0-9a-f]{4}-%d[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}".formatted(version);
    }

    private static Automaton compiled(String format) {
        return Language.deterministic(RegexParser.parse(PATTERNS.getOrDefault(format, "")));
    }
}
