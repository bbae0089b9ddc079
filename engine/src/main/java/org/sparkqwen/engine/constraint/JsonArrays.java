package org.sparkqwen.engine.constraint;

import java.util.List;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;

/// Arrays whose first items are described one by one, and the others alike.
final class JsonArrays {
    private final List<Automaton> prefix;
    private final Automaton items;
    private final int least;
    private final int most;

    private JsonArrays(List<Automaton> prefix, Automaton items, int least, int most) {
        this.prefix = prefix;
        this.items = items;
        this.least = least;
        this.most = most;
    }

    /// @param prefix the texts of the first items; an array may end before them
    /// @param items the texts of the items after them; an empty language if none may follow
    /// @param least the least number of items
    /// @param most the highest number of them, or [Language#UNBOUNDED]
    static Automaton of(List<Automaton> prefix, Automaton items, int least, int most) {
        Automaton inside = new JsonArrays(prefix, items, least, most).inside();
        return Language.concatenate(List.of(Automata.makeChar('['), inside, Automata.makeChar(']')));
    }

    private Automaton inside() {
        Automaton text = afterPrefix();
        int described = most == Language.UNBOUNDED ? prefix.size() : Math.min(prefix.size(), most);
        for (int i = described; i-- > 0; ) {
            Automaton item = i == 0 ? prefix.get(i) : Language.concatenate(List.of(JsonText.COMMA, prefix.get(i)));
            text = optional(Language.concatenate(List.of(item, text)), i);
        }
        return text;
    }

    /// What may follow the items of the prefix.
    private Automaton afterPrefix() {
        int before = prefix.size();
        if (Operations.isEmpty(items) || (most != Language.UNBOUNDED && most <= before)) {
            return Automata.makeEmptyString();
        }
        Automaton following = Language.concatenate(List.of(JsonText.COMMA, items));
        int already = Math.max(before, 1);
        Automaton others = Language.repeat(
                following,
                Math.max(least - already, 0),
                most == Language.UNBOUNDED ? Language.UNBOUNDED : most - already);
        return before > 0 ? others : optional(Language.concatenate(List.of(items, others)), 0);
    }

    /// `text`, or nothing if the array may end after `items` items.
    private Automaton optional(Automaton text, int items) {
        return least > items ? text : Language.repeat(text, 0, 1);
    }
}
