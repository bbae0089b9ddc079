package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.NullNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.constraint.automaton.Budget;

/// The values that a schema allows, as the union of parts.
record Meaning(List<Values> parts) {
    static final Meaning NOTHING = new Meaning(List.of());

    static final Meaning ANYTHING = new Meaning(List.of(
            ListedValues.of(List.of(NullNode.instance, BooleanNode.FALSE, BooleanNode.TRUE), Origin.IMPLIED),
            NumberRange.all(),
            StringSet.all(),
            ArrayShape.all(),
            ObjectShape.all()));

    /// Returns the meaning with a `$ref` as the way by which it was reached.
    Meaning by(Schema referenced) {
        Origin way = new Origin(true, Set.of(referenced));
        return new Meaning(parts.stream()
                .map(each -> each.withOrigin(new Origin(
                        each.origin().implied(), each.origin().and(way).references())))
                .toList());
    }

    Meaning and(Meaning other, Meanings meanings) {
        Budget.spend(Meanings.STEPS_OF_PART * (1L * parts.size() * other.parts.size()));
        List<Values> both = new ArrayList<>();
        for (Values some : parts) {
            for (Values others : other.parts) {
                Values values = some.and(others, meanings);
                if (values != null) {
                    both.add(values);
                }
            }
        }
        return new Meaning(both);
    }

    Meaning minus(Meaning other, Meanings meanings) {
        List<Values> rest = parts;
        for (Values others : other.parts) {
            Budget.spend(Meanings.STEPS_OF_PART * rest.size());
            List<Values> left = new ArrayList<>();
            for (Values some : rest) {
                left.addAll(some.minus(others, meanings));
            }
            rest = left;
        }
        return new Meaning(rest);
    }

    /// Returns the parts from which texts are generated. Parts that are only implied are left out, unless
    /// there are no others.
    List<Values> meant() {
        List<Values> meant =
                parts.stream().filter(each -> !each.origin().implied()).toList();
        return meant.isEmpty() ? parts : meant;
    }

    boolean contains(JsonNode value, Meanings meanings) {
        return parts.stream().anyMatch(each -> each.contains(value, meanings));
    }
}
