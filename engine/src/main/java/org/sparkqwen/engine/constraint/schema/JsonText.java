package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;
import org.sparkqwen.engine.constraint.automaton.CodePoints;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// JSON's grammar as automata over code points. A text is one line. One space may follow a comma or a colon,
/// as in `{"a": 1, "b": [1, 2]}`.
final class JsonText {
    static final Automaton COMMA =
            Language.concatenate(List.of(Automata.makeChar(','), Language.repeat(Automata.makeChar(' '), 0, 1)));
    static final Automaton COLON =
            Language.concatenate(List.of(Automata.makeChar(':'), Language.repeat(Automata.makeChar(' '), 0, 1)));

    /// The characters that a backslash and a letter stand for, in the order of [#LETTERS].
    private static final String ESCAPED = "\"\\/\b\f\n\r\t";

    private static final String LETTERS = "\"\\/bfnrt";

    /// The first and last characters of the ranges that RFC 8259 calls `unescaped`.
    private static final int[][] UNESCAPED = {{' ', '!'}, {'#', '['}, {']', Character.MAX_CODE_POINT}};

    private static final String HEXADECIMAL = "0123456789abcdef";

    /// The texts of characters that a string contains as themselves, or as a backslash and a letter.
    private static final Automaton WRITABLE =
            Language.repeat(CodePoints.automaton(CodePoints.except(CodePoints.UNWRITABLE)), 0, Language.UNBOUNDED);

    private JsonText() {}

    /// Returns the JSON text of a string, with no more escapes than it needs.
    ///
    /// @throws RefusedConstraint if it contains half a surrogate pair
    static String text(String value) {
        StringBuilder text = new StringBuilder("\"");
        value.codePoints().forEach(c -> {
            int escape = ESCAPED.indexOf(c);
            if (escape >= 0 && c != '/') {
                text.append('\\').append(LETTERS.charAt(escape));
            } else if (c < ' ') {
                text.append("\\u%04x".formatted(c));
            } else if (CodePoints.ALL.get(c)) {
                text.appendCodePoint(c);
            } else {
                throw new RefusedConstraint("the text has half a surrogate pair, which has no UTF-8");
            }
        });
        return text.append('"').toString();
    }

    /// Returns an automaton of the texts of certain values: numbers as they are written, properties in their
    /// order.
    static Automaton exactly(Collection<JsonNode> values) {
        List<String> single = new ArrayList<>();
        List<Automaton> texts = new ArrayList<>();
        for (JsonNode value : values) {
            if (value.isContainerNode()) {
                texts.add(exactly(value));
            } else {
                single.add(text(value));
            }
        }
        if (!single.isEmpty()) {
            texts.add(Language.ofTexts(single));
        }
        return Language.deterministic(Language.union(texts));
    }

    private static String text(JsonNode value) {
        return value.isTextual() ? text(value.textValue()) : value.toString();
    }

    private static Automaton exactly(JsonNode value) {
        if (!value.isContainerNode()) {
            return Automata.makeString(text(value));
        }
        List<Automaton> parts = new ArrayList<>();
        if (value.isObject()) {
            for (Map.Entry<String, JsonNode> each : value.properties()) {
                addAfterComma(
                        parts,
                        Language.concatenate(
                                List.of(Automata.makeString(text(each.getKey())), COLON, exactly(each.getValue()))));
            }
        } else {
            value.forEach(element -> addAfterComma(parts, exactly(element)));
        }
        parts.addFirst(Automata.makeChar(value.isObject() ? '{' : '['));
        parts.addLast(Automata.makeChar(value.isObject() ? '}' : ']'));
        return Language.concatenate(parts);
    }

    /// Adds transitions from `source` to where a copy of `part` leads from its start. Unlike Lucene's own
    /// method, it does not search through everything that was built before.
    ///
    /// @param copy the first state of the copy
    static void addBeginning(Automaton.Builder text, int source, Automaton part, int copy) {
        Transition transition = new Transition();
        int count = part.initTransition(0, transition);
        for (int i = 0; i < count; i++) {
            part.getNextTransition(transition);
            text.addTransition(source, copy + transition.dest, transition.min, transition.max);
        }
    }

    private static void addAfterComma(List<Automaton> parts, Automaton part) {
        if (!parts.isEmpty()) {
            parts.add(COMMA);
        }
        parts.add(part);
    }

    /// Returns `values` without those that need an escape by number, unless there are no others. A model must
    /// not be led into control characters where a pattern says "any character".
    ///
    /// @return a deterministic automaton
    static Automaton writable(Automaton values) {
        Automaton all = Language.deterministic(values);
        Automaton some = Language.deterministic(Language.intersection(all, WRITABLE));
        return some.getNumStates() == 0 ? all : some;
    }

    /// Returns the texts of all strings whose values are in `values`. Each character is written as itself, or
    /// as a backslash and a letter where JSON has one for it. Strings with control characters that have no
    /// letter are left out if there are others.
    ///
    /// State 0 is before the opening quotation mark. Then come the states of the values in their order, then
    /// the state after the closing quotation mark, then the states within escapes.
    static Automaton strings(Automaton values) {
        Automaton from = writable(values);
        if (from.getNumStates() == 0) {
            return from;
        }
        Automaton.Builder text = new Automaton.Builder();
        int start = text.createState();
        text.copyStates(from);
        int end = text.createState();
        text.setAccept(end, true);
        text.addTransition(start, start + 1, '"');
        Transition transition = new Transition();
        for (int state = 0; state < from.getNumStates(); state++) {
            int source = start + 1 + state;
            if (from.isAccept(state)) {
                text.setAccept(source, false);
                text.addTransition(source, end, '"');
            }
            Escapes escapes = new Escapes(text, source);
            int count = from.initTransition(state, transition);
            for (int i = 0; i < count; i++) {
                from.getNextTransition(transition);
                int destination = start + 1 + transition.dest;
                addUnescaped(text, source, destination, transition.min, transition.max);
                escapes.add(destination, transition.min, transition.max);
            }
        }
        return text.finish();
    }

    /// The escapes that may follow in one state of a string.
    private static final class Escapes {
        private final Automaton.Builder text;
        private final int source;
        private int afterBackslash = -1;

        /// The states before the last hexadecimal digit, by the digit before it.
        private final int[] beforeLastDigit = {-1, -1};

        private int beforeFirstDigit = -1;

        Escapes(Automaton.Builder text, int source) {
            this.text = text;
            this.source = source;
        }

        /// Adds the escapes of the characters from `min` to `max`.
        void add(int destination, int min, int max) {
            for (int escape = 0; escape < ESCAPED.length(); escape++) {
                if (min <= ESCAPED.charAt(escape) && ESCAPED.charAt(escape) <= max) {
                    text.addTransition(afterBackslash(), destination, LETTERS.charAt(escape));
                }
            }
            for (int c = min; c <= Math.min(max, ' ' - 1); c++) {
                if (ESCAPED.indexOf(c) < 0) {
                    text.addTransition(beforeLastDigit(c >> 4), destination, HEXADECIMAL.charAt(c & 0xF));
                }
            }
        }

        private int afterBackslash() {
            if (afterBackslash < 0) {
                afterBackslash = text.createState();
                text.addTransition(source, afterBackslash, '\\');
            }
            return afterBackslash;
        }

        private int beforeLastDigit(int digit) {
            if (beforeFirstDigit < 0) {
                beforeFirstDigit = chain(chain(chain(afterBackslash(), 'u'), '0'), '0');
            }
            if (beforeLastDigit[digit] < 0) {
                beforeLastDigit[digit] = chain(beforeFirstDigit, '0' + digit);
            }
            return beforeLastDigit[digit];
        }

        private int chain(int from, int label) {
            int state = text.createState();
            text.addTransition(from, state, label);
            return state;
        }
    }

    /// Adds transitions for the characters from `min` to `max` that a JSON string contains as themselves.
    private static void addUnescaped(Automaton.Builder text, int source, int destination, int min, int max) {
        for (int[] range : UNESCAPED) {
            int first = Math.max(min, range[0]);
            int last = Math.min(max, range[1]);
            if (first <= last) {
                text.addTransition(source, destination, first, last);
            }
        }
    }
}
