package org.sparkqwen.engine.constraint;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;

/// Parses regular expressions into automata over code points.
///
/// The syntax is what java.util.regex and Python's re have in common, with its meaning in Java without flags: `\d`,
/// `\w` and `\s` are ASCII, `.` is not the end of a line. Refused is what is not regular, and what the two read
/// differently. A group captures nothing; a lazy quantifier matches the same texts as a greedy one.
final class RegexParser {
    /// A sequence of n optional parts has an automaton of n² transitions.
    private static final int LONGEST = 2_000;

    /// Groups within groups; the parser is recursive.
    private static final int DEEPEST = 100;

    /// Groups that are no groups of texts, by how they begin.
    private static final SequencedMap<String, String> UNSUPPORTED_GROUPS = new LinkedHashMap<>();

    static {
        UNSUPPORTED_GROUPS.put("?=", "look-ahead");
        UNSUPPORTED_GROUPS.put("?!", "negative look-ahead");
        UNSUPPORTED_GROUPS.put("?<=", "look-behind");
        UNSUPPORTED_GROUPS.put("?<!", "negative look-behind");
        UNSUPPORTED_GROUPS.put("?>", "atomic group");
        UNSUPPORTED_GROUPS.put("?P=", "back-reference");
        UNSUPPORTED_GROUPS.put("?#", "comment");
    }

    private final PatternReader reader;

    /// Whether any text may stand before an alternative without `^` and after one without `$`.
    private final boolean search;

    private int depth;
    private boolean ignoreCase;
    private boolean dotAll;

    private RegexParser(String pattern, boolean search) {
        if (pattern.length() > LONGEST) {
            throw new RefusedConstraint("too large: the pattern has %,d characters, more than the %,d that it may have"
                    .formatted(pattern.length(), LONGEST));
        }
        reader = new PatternReader(pattern);
        this.search = search;
    }

    /// The texts that match `pattern` as a whole; `^` at its beginning and `$` at its end change nothing.
    ///
    /// @throws RefusedConstraint if the syntax is wrong or not supported; the message tells the position, from 0
    static Automaton parse(String pattern) {
        return new RegexParser(pattern, false).parse();
    }

    /// The texts in which `pattern` is found.
    ///
    /// @throws RefusedConstraint if the syntax is wrong or not supported; the message tells the position, from 0
    static Automaton parseSearched(String pattern) {
        return new RegexParser(pattern, true).parse();
    }

    private Automaton parse() {
        readFlags();
        Automaton texts = alternatives();
        if (!reader.atEnd()) {
            throw reader.wrong(") without a (", reader.position());
        }
        return texts;
    }

    /// `(?i)` and `(?s)` at the very beginning.
    private void readFlags() {
        boolean both = reader.skip("(?is)") || reader.skip("(?si)");
        ignoreCase = both || reader.skip("(?i)");
        dotAll = both || reader.skip("(?s)");
        ignoreCase |= reader.skip("(?i)");
    }

    private Automaton alternatives() {
        List<Automaton> alternatives = new ArrayList<>();
        do {
            alternatives.add(depth == 0 ? outermostSequence() : sequence());
        } while (reader.skip("|"));
        return Language.union(alternatives);
    }

    private Automaton outermostSequence() {
        boolean fromStart = reader.skip("^");
        Automaton texts = sequence();
        boolean toEnd = reader.skip("$");
        if (toEnd && !atSequenceEnd()) {
            throw reader.unsupported("$ before the end", reader.position() - 1, "write \\$ for the character");
        }
        List<Automaton> parts = new ArrayList<>();
        if (search && !fromStart) {
            parts.add(Language.repeat(CodePoints.automaton(CodePoints.ALL), 0, Language.UNBOUNDED));
        }
        parts.add(texts);
        if (search && !toEnd) {
            parts.add(Language.repeat(CodePoints.automaton(CodePoints.ALL), 0, Language.UNBOUNDED));
        }
        return Language.concatenate(parts);
    }

    private boolean atSequenceEnd() {
        return reader.atEnd() || reader.isNext("|") || reader.isNext(")");
    }

    private Automaton sequence() {
        List<Automaton> parts = new ArrayList<>();
        while (!atSequenceEnd() && !(depth == 0 && reader.isNext("$"))) {
            parts.add(quantified());
        }
        return Language.concatenate(parts);
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
        reader.skip("?"); // lazy
        if (reader.isNext("*") || reader.isNext("+") || reader.isNext("?") || reader.isNext("{")) {
            throw reader.wrong("quantifier after a quantifier", reader.position());
        }
        return repeated;
    }

    /// `m}`, `m,}` or `m,n}`
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
            case '^' -> throw reader.unsupported("^ after the beginning", start, "write \\^ for the character");
            case '$' -> throw reader.unsupported("$ before the end", start, "write \\$ for the character");
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
        if (reader.isNext("?")) {
            skipGroupKind(start);
        }
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

    /// Passes over `?:`, `?<name>` or `?P<name>`.
    private void skipGroupKind(int start) {
        for (Map.Entry<String, String> each : UNSUPPORTED_GROUPS.entrySet()) {
            if (reader.isNext(each.getKey())) {
                throw reader.unsupported(
                        "%s (%s…)".formatted(each.getValue(), each.getKey()),
                        start,
                        "a pattern may have groups, classes, alternatives and quantifiers");
            }
        }
        if (reader.skip("?:")) {
            return;
        }
        boolean named = reader.skip("?P<") || reader.skip("?<");
        if (!named || !reader.until('>', "(?<", start).matches("[A-Za-z][A-Za-z0-9_]*")) {
            throw reader.unsupported(
                    "group (?…)", start, "(…), (?:…) and (?<name>…) are, and (?i) and (?s) at the very beginning");
        }
    }
}
