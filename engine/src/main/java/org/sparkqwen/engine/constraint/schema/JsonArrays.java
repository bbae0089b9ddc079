package org.sparkqwen.engine.constraint.schema;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Builds automata of arrays. Their first items are described one by one, and all others have the same
/// description.
final class JsonArrays {
    /// The greatest number of values that an array of different items may have. There is a state for each set
    /// of them.
    private static final int MOST_UNIQUE = 8;

    /// The greatest number of states of all items, one after another.
    private static final int MOST_STATES = 200_000;

    private final Automaton.Builder text = new Automaton.Builder();
    private final int most;
    private final int end;

    private JsonArrays(int most) {
        this.most = most;
        text.createState(); // the start is the first state
        end = text.createState();
        text.setAccept(end, true);
    }

    /// Returns an automaton of arrays.
    ///
    /// @param prefix the texts of the first items; an array may end before them
    /// @param items the texts of the items after them; null if none may follow
    /// @param least the smallest number of items
    /// @param most the greatest number of items, or [Language#UNBOUNDED]
    static Automaton of(List<Automaton> prefix, @Nullable Automaton items, int least, int most) {
        int longest = items == null ? Language.lower(most, prefix.size()) : most;
        if (longest != Language.UNBOUNDED && longest < least) {
            return Automata.makeEmpty();
        }
        return new JsonArrays(longest).build(prefix, items, least);
    }

    private Automaton build(List<Automaton> prefix, @Nullable Automaton items, int least) {
        // If there is no limit, the last item that is written out follows itself.
        int written = most == Language.UNBOUNDED ? Math.max(prefix.size() + 1, least) : most;
        int comma = -1; // the state after a comma that may follow an item
        int first = -1; // the state before the first item
        for (int i = written; i-- > 0; ) {
            Automaton item = requireNonNull(i < prefix.size() ? prefix.get(i) : items);
            boolean repeats = most == Language.UNBOUNDED && i == written - 1;
            int before = text.createState();
            if (repeats) {
                comma = before;
            }
            first = copy(item, i + 1 >= least, comma);
            text.addTransition(before, first, ' ');
            JsonText.addBeginning(text, before, item, first);
            comma = before;
        }
        int begin = text.createState();
        text.addTransition(0, begin, '[');
        if (least == 0) {
            text.addTransition(begin, end, ']');
        }
        if (written > 0) {
            JsonText.addBeginning(text, begin, requireNonNull(prefix.isEmpty() ? items : prefix.getFirst()), first);
        }
        return Language.deterministic(text.finish());
    }

    /// Copies the automaton of an item.
    ///
    /// @param ends whether the array may end after the item
    /// @param comma the state after a comma that may follow the item; negative if none may follow
    /// @return the state at which the copy begins
    private int copy(Automaton item, boolean ends, int comma) {
        int begin = text.getNumStates();
        if (begin + (long) item.getNumStates() > MOST_STATES) {
            throw new RefusedConstraint(("too large: the items of an array, one after another, need more than %,d"
                            + " states; lower minItems or maxItems, or describe simpler items")
                    .formatted(MOST_STATES));
        }
        Budget.spend((long) item.getNumStates() + item.getNumTransitions());
        text.copy(item);
        for (int state = 0; state < item.getNumStates(); state++) {
            if (item.isAccept(state)) {
                text.setAccept(begin + state, false);
                if (comma >= 0) {
                    text.addTransition(begin + state, comma, ',');
                }
                if (ends) {
                    text.addTransition(begin + state, end, ']');
                }
            }
        }
        return begin;
    }

    /// Returns an automaton of arrays whose items are different ones of `values`.
    ///
    /// @throws RefusedConstraint if there are too many values
    static Automaton ofUnique(List<JsonNode> values, int least, int most) {
        if (values.size() > MOST_UNIQUE) {
            throw new RefusedConstraint(
                    "uniqueItems is not supported for items that may have more than %d values".formatted(MOST_UNIQUE));
        }
        return new JsonArrays(most).buildUnique(values, least);
    }

    private Automaton buildUnique(List<JsonNode> values, int least) {
        List<Automaton> texts =
                values.stream().map(value -> JsonText.exactly(List.of(value))).toList();
        int sets = 1 << values.size();
        int[] comma = new int[sets]; // the state after a comma, by the set of values so far
        for (int set = sets; set-- > 0; ) {
            comma[set] = text.createState();
            int afterSpace = text.createState();
            text.addTransition(comma[set], afterSpace, ' ');
            int begin = set == 0 ? text.createState() : afterSpace;
            int size = Integer.bitCount(set) + 1;
            for (int value = 0; value < values.size(); value++) {
                int with = set | 1 << value;
                if (with == set || (most != Language.UNBOUNDED && size > most)) {
                    continue;
                }
                int first = copy(texts.get(value), size >= least, comma[with]);
                for (int source : new int[] {comma[set], afterSpace}) {
                    JsonText.addBeginning(text, source, texts.get(value), first);
                }
                if (set == 0) {
                    JsonText.addBeginning(text, begin, texts.get(value), first);
                }
            }
            if (set == 0) {
                text.addTransition(0, begin, '[');
                if (least == 0) {
                    text.addTransition(begin, end, ']');
                }
            }
        }
        return Language.deterministic(text.finish());
    }
}
