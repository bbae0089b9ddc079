package org.sparkqwen.engine.constraint.schema;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.message.Quote;

/// The branches of a `oneOf`. A value must be valid under one of them and under no other.
///
/// Automata of texts cannot tell whether a value is valid under two schemas, because a schema has more values
/// than are generated. Therefore the branches are compared by what their schemas say. The values that two
/// branches have in common are removed from both. If they cannot be determined, the constraint is refused.
final class ExclusiveSchemas {
    /// The greatest number of pairs of branches that are compared one by one.
    private static final int MOST_PAIRS = 20_000;

    private final List<Schema> branches;
    private final Meanings meanings;

    ExclusiveSchemas(List<Schema> branches, Meanings meanings) {
        this.branches = branches;
        this.meanings = meanings;
    }

    /// A part of a branch.
    private record Part(int branch, Values values) {}

    Meaning meaning() {
        List<Meaning> meaningsOf = branches.stream().map(meanings::of).toList();
        Map<Class<?>, List<Part>> byKind = new LinkedHashMap<>();
        for (int i = 0; i < branches.size(); i++) {
            for (Values each : meaningsOf.get(i).parts()) {
                byKind.computeIfAbsent(each.getClass(), _ -> new ArrayList<>()).add(new Part(i, each));
            }
        }
        List<Part> listed = byKind.getOrDefault(ListedValues.class, List.of());
        List<Values> all = new ArrayList<>();
        byKind.forEach((kind, parts) -> {
            if (kind == ListedValues.class) {
                addListed(listed, byKind, all);
            } else if (kind == ObjectShape.class && areToldApart(parts)) {
                parts.forEach(part -> addWithout(part, listed, all));
            } else {
                requireFew(parts.size());
                for (Part part : parts) {
                    List<Part> others = new ArrayList<>(parts);
                    others.addAll(listed);
                    addWithout(part, others, all);
                }
            }
        });
        return new Meaning(all);
    }

    /// Adds listed values, which are told apart by their keys. So a list of thousands is fast.
    private void addListed(List<Part> listed, Map<Class<?>, List<Part>> byKind, List<Values> all) {
        Map<Object, Set<Integer>> branchesOf = new HashMap<>();
        for (Part part : listed) {
            ((ListedValues) part.values)
                    .byKey()
                    .keySet()
                    .forEach(key -> branchesOf
                            .computeIfAbsent(key, _ -> new HashSet<>())
                            .add(part.branch));
        }
        List<Part> others = new ArrayList<>();
        byKind.forEach((kind, parts) -> others.addAll(kind == ListedValues.class ? List.of() : parts));
        requireFew(others.size());
        for (Part part : listed) {
            ListedValues values = (ListedValues) part.values;
            Values own = ListedValues.of(
                    values.byKey().entrySet().stream()
                            .filter(each -> branchesOf
                                            .getOrDefault(each.getKey(), Set.of())
                                            .size()
                                    == 1)
                            .map(Map.Entry::getValue)
                            .toList(),
                    values.origin());
            if (!own.isNever(meanings)) {
                addWithout(new Part(part.branch, own), others, all);
            }
        }
    }

    /// Tells whether all objects require one property that has only listed values, none of which occurs in
    /// two branches.
    private boolean areToldApart(List<Part> parts) {
        for (String name : ((ObjectShape) parts.getFirst().values).required()) {
            Map<Object, Integer> branchOf = new HashMap<>();
            if (parts.stream().allMatch(part -> isToldBy(name, part, branchOf))) {
                return true;
            }
        }
        return false;
    }

    private boolean isToldBy(String name, Part part, Map<Object, Integer> branchOf) {
        ObjectShape objects = (ObjectShape) part.values;
        Budget.spend(Meanings.STEPS_OF_PART);
        if (!objects.required().contains(name)) {
            return false;
        }
        for (Values each : meanings.of(objects.property(name)).parts()) {
            if (!(each instanceof ListedValues listed)) {
                return false;
            }
            for (Object key : listed.byKey().keySet()) {
                Integer before = branchOf.putIfAbsent(key, part.branch);
                if (before != null && before != part.branch) {
                    return false;
                }
            }
        }
        return true;
    }

    private void requireFew(int parts) {
        if ((long) parts * parts > 2L * MOST_PAIRS) {
            throw new RefusedConstraint(("too large: %,d schemas in oneOf have no required property whose const tells"
                            + " them apart; give them one, or use anyOf")
                    .formatted(branches.size()));
        }
    }

    private void addWithout(Part part, List<Part> others, List<Values> all) {
        List<Values> rest = List.of(part.values);
        for (Part other : others) {
            if (other.branch == part.branch) {
                continue;
            }
            List<Values> left = new ArrayList<>();
            for (Values each : rest) {
                try {
                    Budget.spend(Meanings.STEPS_OF_PART);
                    left.addAll(each.minus(other.values, meanings));
                } catch (RefusedConstraint e) {
                    throw e.isTooLarge() ? e : overlap(part.branch, other.branch);
                }
            }
            rest = left;
        }
        all.addAll(rest);
    }

    private RefusedConstraint overlap(int a, int b) {
        return branches.get(Math.max(a, b))
                .refused(("may allow the same values as %s, which oneOf forbids; use anyOf, or a required property"
                                + " whose const tells them apart")
                        .formatted(Quote.line(branches.get(Math.min(a, b)).pointer())));
    }
}
