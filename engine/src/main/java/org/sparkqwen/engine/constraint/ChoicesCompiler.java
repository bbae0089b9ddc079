package org.sparkqwen.engine.constraint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.apache.lucene.util.BytesRef;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Compiles a list of texts into an automaton over bytes.
final class ChoicesCompiler {
    private ChoicesCompiler() {}

    /// Returns the automaton that accepts exactly the given texts.
    ///
    /// @throws RefusedConstraint if there is no text, or if a text is empty, too long, or not valid Unicode
    static Automaton compile(List<String> texts) {
        if (texts.isEmpty()) {
            throw new RefusedConstraint("can never be met: the list is empty");
        }
        SortedSet<BytesRef> sorted = new TreeSet<>();
        for (int i = 0; i < texts.size(); i++) {
            sorted.add(utf8(texts.get(i), i + 1));
        }
        return Automata.makeBinaryStringUnion(sorted);
    }

    /// @param number the number of the text, for the message
    private static BytesRef utf8(String text, int number) {
        if (text.isEmpty()) {
            throw new RefusedConstraint("text %d is empty; every text needs a character".formatted(number));
        }
        if (!UTF_8.newEncoder().canEncode(text)) {
            throw new RefusedConstraint("text %d has half a surrogate pair, which has no UTF-8".formatted(number));
        }
        BytesRef bytes = new BytesRef(text.getBytes(UTF_8));
        if (bytes.length > Automata.MAX_STRING_UNION_TERM_LENGTH) {
            throw new RefusedConstraint("text %d has %,d bytes, more than the %,d that one may have"
                    .formatted(number, bytes.length, Automata.MAX_STRING_UNION_TERM_LENGTH));
        }
        return bytes;
    }
}
