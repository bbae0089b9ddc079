package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Arrays of certain lengths whose items are valid under the schemas of all layers.
///
/// @param least the smallest number of items
/// @param most the greatest number of items, or [Language#UNBOUNDED]
/// @param unique whether no two items may be equal
record ArrayShape(List<Layer> layers, int least, int most, boolean unique, Origin origin) implements Values {
    /// What one schema says about items.
    ///
    /// @param prefix the schemas of the first items, one by one
    /// @param items the schema of all other items, or null if the schema says nothing about them
    record Layer(List<Schema> prefix, @Nullable Schema items) {}

    static ArrayShape all() {
        return new ArrayShape(List.of(), 0, Language.UNBOUNDED, false, Origin.IMPLIED);
    }

    /// Returns how many of the first items are described one by one.
    int prefixLength() {
        return layers.stream().mapToInt(layer -> layer.prefix.size()).max().orElse(0);
    }

    /// Returns what the item at `index`, from 0, must be.
    Conjunction item(int index) {
        Conjunction item = Conjunction.ANYTHING;
        for (Layer layer : layers) {
            Schema schema = index < layer.prefix.size() ? layer.prefix.get(index) : layer.items;
            if (schema != null) {
                item = item.and(new Conjunction.Term(schema, true));
            }
        }
        return item;
    }

    /// Tells whether a schema describes the first items and says nothing about others. Nobody expects others
    /// then.
    boolean isTuple() {
        return layers.stream().anyMatch(layer -> !layer.prefix.isEmpty() && layer.items == null);
    }

    @Override
    public Values withOrigin(Origin other) {
        return new ArrayShape(layers, least, most, unique, other);
    }

    @Override
    public @Nullable Values and(Values other, Meanings meanings) {
        if (other instanceof ListedValues listed) {
            return listed.and(this, meanings);
        }
        if (!(other instanceof ArrayShape arrays)) {
            return null;
        }
        return new ArrayShape(
                Meanings.joined(layers, arrays.layers),
                Math.max(least, arrays.least),
                Language.lower(most, arrays.most),
                unique || arrays.unique,
                origin.and(arrays.origin));
    }

    private ArrayShape withLength(int shortest, int longest) {
        return new ArrayShape(layers, Math.max(least, shortest), Language.lower(most, longest), unique, origin);
    }

    @Override
    public List<Values> minus(Values other, Meanings meanings) {
        if (!(other instanceof ArrayShape arrays)) {
            if (other instanceof ListedValues listed
                    && listed.values().stream().anyMatch(value -> contains(value, meanings))) {
                throw new RefusedConstraint("all arrays but some of a list is not supported");
            }
            return List.of(this);
        }
        Values both = and(arrays, meanings);
        if (both == null || both.isNever(meanings)) {
            return List.of(this);
        }
        List<Values> rest = new ArrayList<>();
        if (arrays.least > 0) {
            rest.add(withLength(0, arrays.least - 1));
        }
        if (arrays.most != Language.UNBOUNDED) {
            rest.add(withLength(arrays.most + 1, Language.UNBOUNDED));
        }
        for (int i = 0; i <= arrays.prefixLength(); i++) {
            if (!arrays.item(i).equals(Conjunction.ANYTHING)) {
                throw new RefusedConstraint("all arrays but some whose items are described is not supported");
            }
        }
        if (arrays.unique) {
            throw new RefusedConstraint("all arrays but those with uniqueItems is not supported");
        }
        rest.removeIf(each -> each.isNever(meanings));
        return rest;
    }

    @Override
    public boolean contains(JsonNode value, Meanings meanings) {
        if (!value.isArray() || value.size() < least || (most != Language.UNBOUNDED && value.size() > most)) {
            return false;
        }
        Set<Object> keys = new HashSet<>();
        for (int i = 0; i < value.size(); i++) {
            if (!meanings.of(item(i)).contains(value.required(i), meanings)
                    || (unique && !keys.add(JsonValues.key(value.required(i))))) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean isNever(Meanings meanings) {
        if (most != Language.UNBOUNDED && most < least) {
            return true;
        }
        for (int i = 0; i < Math.min(least, prefixLength() + 1); i++) {
            if (meanings.isNever(item(i))) {
                return true;
            }
        }
        return false;
    }
}
