package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Transition;

/// JSON's grammar as automata over code points. A text is one line; after a comma or a colon may be one space, as in
/// `{"a": 1, "b": [1, 2]}`.
final class JsonText {
    static final Automaton COMMA =
            Language.concatenate(List.of(Automata.makeChar(','), Language.repeat(Automata.makeChar(' '), 0, 1)));
    static final Automaton COLON =
            Language.concatenate(List.of(Automata.makeChar(':'), Language.repeat(Automata.makeChar(' '), 0, 1)));

    /// What a backslash and a letter stand for, in the order of [#LETTERS].
    private static final String ESCAPED = "\"\\/\b\f\n\r\t";

    private static final String LETTERS = "\"\\/bfnrt";

    /// RFC 8259's `unescaped`: the first and last characters of its ranges.
    private static final int[][] UNESCAPED = {{' ', '!'}, {'#', '['}, {']', Character.MAX_CODE_POINT}};

    private JsonText() {}

    /// The one text of a string, with no more escapes than it needs.
    ///
    /// @throws RefusedConstraint if it has half a surrogate pair
    static Automaton exactly(String value) {
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
        return Automata.makeString(text.append('"').toString());
    }

    /// The texts of one value: numbers as it writes them, properties in its order.
    static Automaton exactly(JsonNode value) {
        if (value.isTextual()) {
            return exactly(value.textValue());
        }
        if (!value.isContainerNode()) {
            return Automata.makeString(value.toString());
        }
        List<Automaton> parts = new ArrayList<>();
        if (value.isObject()) {
            for (Map.Entry<String, JsonNode> each : value.properties()) {
                addAfterComma(
                        parts, Language.concatenate(List.of(exactly(each.getKey()), COLON, exactly(each.getValue()))));
            }
        } else {
            value.forEach(element -> addAfterComma(parts, exactly(element)));
        }
        parts.addFirst(Automata.makeChar(value.isObject() ? '{' : '['));
        parts.addLast(Automata.makeChar(value.isObject() ? '}' : ']'));
        return Language.concatenate(parts);
    }

    private static void addAfterComma(List<Automaton> parts, Automaton part) {
        if (!parts.isEmpty()) {
            parts.add(COMMA);
        }
        parts.add(part);
    }

    /// The texts of all strings whose values are `values`: each character as itself, or by a backslash and a letter
    /// where JSON has one for it. Control characters without a letter are left out.
    static Automaton strings(Automaton values) {
        Automaton from = Language.deterministic(values);
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
            int afterBackslash = -1;
            if (from.isAccept(state)) {
                text.setAccept(source, false);
                text.addTransition(source, end, '"');
            }
            int count = from.initTransition(state, transition);
            for (int i = 0; i < count; i++) {
                from.getNextTransition(transition);
                int destination = start + 1 + transition.dest;
                addUnescaped(text, source, destination, transition.min, transition.max);
                for (int escape = 0; escape < ESCAPED.length(); escape++) {
                    if (transition.min <= ESCAPED.charAt(escape) && ESCAPED.charAt(escape) <= transition.max) {
                        if (afterBackslash < 0) {
                            afterBackslash = text.createState();
                            text.addTransition(source, afterBackslash, '\\');
                        }
                        text.addTransition(afterBackslash, destination, LETTERS.charAt(escape));
                    }
                }
            }
        }
        return text.finish();
    }

    /// Transitions for the characters from `min` to `max` that a JSON string holds as themselves.
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
