package org.sparkqwen.engine.constraint.regex;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.CodePoints;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Parses regular expressions into automata over code points.
///
/// The syntax and its meaning are those of ECMA-262 with the flag `u`, which JSON Schema requires. In
/// addition, `(?i)` and `(?s)` at the very beginning, `(?P<name>…)`, `\x{…}` and `\pL` are read as in Java
/// and Python. An expression that is not regular, or that has another meaning elsewhere, is refused. A group
/// captures nothing. A lazy quantifier matches the same texts as a greedy one.
public final class RegexParser {
    /// The greatest length of an expression. A sequence of n optional parts has an automaton of n²
    /// transitions.
    private static final int LONGEST = 2_000;

    /// The greatest depth of groups within groups, because the parser is recursive.
    private static final int DEEPEST = 100;

    /// The kinds of groups that are not supported, by how they begin.
    private static final SequencedMap<String, String> UNSUPPORTED_GROUPS = new LinkedHashMap<>();

    static {
        UNSUPPORTED_GROUPS.put("?>", "atomic group");
        UNSUPPORTED_GROUPS.put("?P=", "back-reference");
        UNSUPPORTED_GROUPS.put("?#", "comment");
    }

    /// A pattern for `:`, or for the flags of a group.
    private static final Pattern FLAGS = Pattern.compile("([is]*)(?:-([is]+))?:");

    private static final Automaton ANY = Language.repeat(CodePoints.automaton(CodePoints.ALL), 0, Language.UNBOUNDED);

    private final PatternReader reader;

    private final Assertions assertions = new Assertions();

    /// The beginning of the look-around that is being read; null outside of look-around.
    private @Nullable String look;

    /// Whether the alternatives that are read next stand at the beginning of the text, after a `^`.
    private boolean begins;

    private int depth;
    private boolean ignoreCase;
    private boolean dotAll;

    private RegexParser(String pattern) {
        if (pattern.length() > LONGEST) {
            throw new RefusedConstraint("too large: the pattern has %,d characters, more than the %,d that it may have"
                    .formatted(pattern.length(), LONGEST));
        }
        reader = new PatternReader(pattern);
    }

    /// Returns the texts that match `pattern` as a whole.
    ///
    /// @throws RefusedConstraint if the syntax is wrong or not supported; the message tells the position,
    ///     from 0
    public static Automaton parse(String pattern) {
        RegexParser parser = new RegexParser(pattern);
        return parser.assertions.resolve(parser.parse());
    }

    /// Returns the texts in which `pattern` is found.
    ///
    /// @throws RefusedConstraint if the syntax is wrong or not supported; the message tells the position,
    ///     from 0
    public static Automaton parseSearched(String pattern) {
        RegexParser parser = new RegexParser(pattern);
        return parser.assertions.resolve(Language.concatenate(List.of(ANY, parser.parse(), ANY)));
    }

    private Automaton parse() {
        while (reader.isNext("(?i)") || reader.isNext("(?s)") || reader.isNext("(?is)") || reader.isNext("(?si)")) {
            readFlags(reader.until(')', "(?", 0), true);
        }
        Automaton texts = alternatives();
        if (!reader.atEnd()) {
            throw reader.wrong(") without a (", reader.position());
        }
        return texts;
    }

    private void readFlags(String flags, boolean on) {
        ignoreCase = flags.contains("i") ? on : ignoreCase;
        dotAll = flags.contains("s") ? on : dotAll;
    }

    private Automaton alternatives() {
        List<Automaton> alternatives = new ArrayList<>();
        boolean begin = begins;
        begins = false;
        do {
            if (begin) {
                reader.skip("^"); // it is always true there
            }
            alternatives.add(sequence());
        } while (reader.skip("|"));
        return Language.union(alternatives);
    }

    private Automaton sequence() {
        List<Automaton> parts = new ArrayList<>();
        boolean begun = false;
        while (!reader.atEnd() && !reader.isNext("|") && !reader.isNext(")")) {
            int start = reader.position();
            boolean beginning = reader.isNext("^");
            Automaton assertion = assertion(start, begun);
            if (assertion == null) {
                parts.add(quantified());
                begun = false;
                continue;
            }
            begun |= beginning;
            if (isQuantifierNext()) {
                throw reader.wrong("quantifier with nothing to repeat", reader.position());
            }
            parts.add(assertion);
        }
        return Language.concatenate(parts);
    }

    private boolean isQuantifierNext() {
        return reader.isNext("*") || reader.isNext("+") || reader.isNext("?") || reader.isNext("{");
    }

    /// Parses an assertion about a place between characters. Returns null if something else follows.
    ///
    /// @param begun whether a `^` stands at the same place
    private @Nullable Automaton assertion(int start, boolean begun) {
        if (reader.skip("^")) {
            requireOutside("(?<", start, "^");
            return assertions.beginning();
        }
        if (reader.skip("$")) {
            requireOutside("(?=", start, "$");
            return assertions.end();
        }
        if (reader.skip("\\b")) {
            requireOutside("", start, "\\b");
            return assertions.boundary();
        }
        if (reader.skip("\\B")) {
            requireOutside("", start, "\\B");
            return assertions.noBoundary();
        }
        for (String opening : List.of("(?=", "(?!", "(?<=", "(?<!")) {
            if (reader.skip(opening)) {
                begins = begun && !opening.startsWith("(?<");
                return look(opening, start);
            }
        }
        return null;
    }

    /// Refuses an assertion within look-around, except at its far end: `$` where it looks ahead, and `^`
    /// where it looks behind. A `^` at the beginning of look-ahead is accepted if another `^` stands before
    /// it.
    private void requireOutside(String allowed, int start, String what) {
        boolean ahead = look != null && !look.startsWith("(?<");
        boolean behind = look != null && !ahead;
        if ((ahead && !allowed.equals("(?=")) || (behind && !allowed.equals("(?<"))) {
            throw reader.unsupported(
                    "%s within %s…)".formatted(what, look), start, "write it outside of the parentheses");
        }
    }

    private Automaton look(String opening, int start) {
        requireOutside("", start, opening + "…)");
        look = opening;
        Automaton body = groupEnd(start);
        look = null;
        return assertions.look(!opening.startsWith("(?<"), opening.endsWith("!"), body);
    }

    private Automaton quantified() {
        Automaton atom = atom();
        int start = reader.position();
        Automaton repeated;
        if (reader.skip("*")) {
            repeated = Language.repeat(atom, 0, Language.UNBOUNDED);
        } else if (reader.skip("+")) {
            repeated = Language.repeat(atom, 1, Language.UNBOUNDED);
        } else if (reader.skip("?")) {
            repeated = Language.repeat(atom, 0, 1);
        } else if (reader.skip("{")) {
            repeated = counted(atom, start);
        } else {
            return atom;
        }
        if (reader.isNext("+")) {
            throw reader.unsupported("possessive quantifier", start, "leave out the + after it");
        }
        reader.skip("?"); // a lazy quantifier
        if (isQuantifierNext()) {
            throw reader.wrong("quantifier after a quantifier", reader.position());
        }
        return repeated;
    }

    /// Parses `m}`, `m,}` or `m,n}`.
    private Automaton counted(Automaton atom, int start) {
        String what = "{ that begins no count like {2}, {2,} or {2,5}";
        int least = reader.number(10, 9, what, start);
        int most = least;
        if (reader.skip(",")) {
            most = reader.isNext("}") ? Language.UNBOUNDED : reader.number(10, 9, what, start);
        }
        if (!reader.skip("}")) {
            throw reader.wrong(what, start);
        }
        if (most != Language.UNBOUNDED && most < least) {
            throw reader.wrong("{%d,%d}, more at least than at most,".formatted(least, most), start);
        }
        return Language.repeat(atom, least, most);
    }

    private Automaton atom() {
        int start = reader.position();
        int c = reader.next();
        return switch (c) {
            case '(' -> group(start);
            case '[' -> CodePoints.automaton(classes().inBrackets(start));
            case '\\' -> CodePoints.automaton(classes().escaped(start));
            case '.' -> CodePoints.automaton(dotAll ? CodePoints.ALL : CodePoints.except(CodePoints.LINE_ENDS));
            case '*', '+', '?', '{' -> throw reader.wrong("%c with nothing to repeat".formatted(c), start);
            default ->
                ignoreCase
                        ? CodePoints.automaton(CodePoints.inBothCases(CodePoints.range(c, c)))
                        : Automata.makeChar(c);
        };
    }

    private CharacterClassParser classes() {
        return new CharacterClassParser(reader, ignoreCase);
    }

    private Automaton group(int start) {
        boolean outerIgnoreCase = ignoreCase;
        boolean outerDotAll = dotAll;
        if (reader.isNext("?")) {
            readGroupKind(start);
        }
        Automaton texts = groupEnd(start);
        ignoreCase = outerIgnoreCase;
        dotAll = outerDotAll;
        return texts;
    }

    /// Parses the rest of a group, including its `)`.
    private Automaton groupEnd(int start) {
        if (depth == DEEPEST) {
            throw reader.wrong("more than %d groups within each other".formatted(DEEPEST), start);
        }
        depth++;
        Automaton texts = alternatives();
        depth--;
        if (!reader.skip(")")) {
            throw reader.wrong("( without a )", start);
        }
        return texts;
    }

    /// Skips `?:`, `?<name>` or `?P<name>`, and reads flags such as `?i:` and `?i-s:`.
    private void readGroupKind(int start) {
        for (Map.Entry<String, String> each : UNSUPPORTED_GROUPS.entrySet()) {
            if (reader.isNext(each.getKey())) {
                throw reader.unsupported(
                        "%s (%s…)".formatted(each.getValue(), each.getKey()),
                        start,
                        "a pattern may have groups, classes, alternatives, quantifiers and look-around");
            }
        }
        if (reader.skip("?P<") || reader.skip("?<")) {
            if (reader.until('>', "(?<", start).matches("[A-Za-z_$][A-Za-z0-9_$]*")) {
                return;
            }
        } else if (reader.skip("?")) {
            Matcher flags = FLAGS.matcher(reader.rest());
            if (flags.lookingAt()) {
                readFlags(flags.group(1), true);
                String off = flags.group(2);
                if (off != null) {
                    readFlags(off, false);
                }
                reader.skip(flags.group());
                return;
            }
        }
        throw reader.unsupported(
                "group (?…)",
                start,
                "(…), (?:…), (?<name>…), (?i:…) and (?s:…) are, and (?i) and (?s) at the very beginning");
    }
}
