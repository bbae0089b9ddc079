package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Whether a value can be valid by two schemas, which `oneOf` does not allow.
///
/// Their automata cannot tell: a schema has more values than are generated. So it is proven by what the schemas say, or
/// else not believed. The schemas are compiled before, so that they do not lead back to themselves.
final class DisjointSchemas {
    private final Map<List<String>, Boolean> known = new HashMap<>();

    private DisjointSchemas() {}

    /// @throws RefusedConstraint if two of `branches` may allow the same value
    static void require(List<Schema> branches) {
        DisjointSchemas disjoint = new DisjointSchemas();
        for (int i = 0; i < branches.size(); i++) {
            for (int j = 0; j < i; j++) {
                if (!disjoint.areDisjoint(branches.get(j), branches.get(i))) {
                    throw branches.get(i)
                            .refused("may allow the same values as %s, which oneOf forbids; use anyOf, or a required "
                                            .formatted(branches.get(j).pointer())
                                    + "property whose const tells them apart");
                }
            }
        }
    }

    private boolean areDisjoint(Schema a, Schema b) {
        List<String> pair = List.of(a.pointer(), b.pointer());
        Boolean before = known.get(pair);
        if (before != null) {
            return before;
        }
        boolean disjoint = compare(a, b);
        known.put(pair, disjoint);
        return disjoint;
    }

    private boolean compare(Schema a, Schema b) {
        List<Schema> branchesOfA = branches(a);
        if (!branchesOfA.isEmpty()) {
            return branchesOfA.stream().allMatch(each -> areDisjoint(each, b));
        }
        List<Schema> branchesOfB = branches(b);
        if (!branchesOfB.isEmpty()) {
            return branchesOfB.stream().allMatch(each -> areDisjoint(a, each));
        }
        if (hasValues(a) && hasValues(b)) {
            return SchemaKeywords.values(a).stream()
                    .noneMatch(some -> SchemaKeywords.values(b).stream().anyMatch(other -> areEqual(some, other)));
        }
        Set<String> types = types(a);
        types.retainAll(types(b));
        return types.isEmpty()
                || (types.equals(Set.of("object")) && a.has("properties") && b.has("properties") && objects(a, b));
    }

    /// The schemas one of which a value is valid by; none if it is not of that form.
    private static List<Schema> branches(Schema schema) {
        if (schema.has("$ref")) {
            return List.of(schema.referenced());
        }
        for (String keyword : List.of("anyOf", "oneOf", "allOf")) { // of allOf only one is supported
            if (schema.has(keyword)) {
                return schema.elements(keyword);
            }
        }
        return List.of();
    }

    private static boolean hasValues(Schema schema) {
        return schema.has("const") || schema.has("enum");
    }

    private static boolean areEqual(JsonNode a, JsonNode b) {
        return a.equals(
                (some, other) -> some.isNumber() && other.isNumber()
                        ? some.decimalValue().compareTo(other.decimalValue())
                        : some.equals(other) ? 0 : 1,
                b);
    }

    /// Types of values; an integer is a number.
    private static Set<String> types(Schema schema) {
        if (hasValues(schema)) {
            return SchemaKeywords.values(schema).stream()
                    .map(SchemaKeywords::typeOf)
                    .collect(Collectors.toCollection(TreeSet::new));
        }
        return SchemaKeywords.types(schema).stream()
                .map(type -> type.equals("integer") ? "number" : type)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /// Whether a property that one schema requires cannot be as the other one wants it.
    private boolean objects(Schema a, Schema b) {
        Set<String> required = new HashSet<>(a.texts("required"));
        required.addAll(b.texts("required"));
        return required.stream()
                .anyMatch(name -> isForbidden(name, a)
                        || isForbidden(name, b)
                        || (a.at("properties").has(name)
                                && b.at("properties").has(name)
                                && areDisjoint(
                                        a.at("properties").at(name),
                                        b.at("properties").at(name))));
    }

    private static boolean isForbidden(String property, Schema schema) {
        return !schema.at("properties").has(property)
                && schema.has("additionalProperties")
                && schema.at("additionalProperties").node().isBoolean()
                && !schema.at("additionalProperties").node().booleanValue();
    }
}
