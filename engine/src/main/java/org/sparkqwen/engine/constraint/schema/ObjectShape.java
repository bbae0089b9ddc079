package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Objects whose properties are valid under the schemas of all layers.
///
/// @param required the names of required properties, in the schema's order
/// @param least the smallest number of properties
/// @param most the greatest number of properties, or [Language#UNBOUNDED]
/// @param names what the names of properties must be
record ObjectShape(List<Layer> layers, Set<String> required, int least, int most, Conjunction names, Origin origin)
        implements Values {
    /// What one schema says about properties.
    ///
    /// @param properties the schemas by name, in the schema's order
    /// @param additional the schema of properties that have neither a name nor a pattern; null if the schema
    ///     says nothing about them
    /// @param declares whether the schema lists the properties that objects have, so that nobody expects
    ///     others
    record Layer(
            Map<String, Conjunction.Term> properties,
            List<KeyPattern> patterns,
            @Nullable Schema additional,
            boolean declares) {
        private Conjunction add(Conjunction property, String name) {
            Conjunction all = property;
            Conjunction.Term declared = properties.get(name);
            if (declared != null) {
                all = all.and(declared);
            }
            boolean matched = declared != null;
            for (KeyPattern pattern : patterns) {
                if (Operations.run(pattern.keys, name)) {
                    all = all.and(new Conjunction.Term(pattern.schema, true));
                    matched = true;
                }
            }
            return matched || additional == null ? all : all.and(new Conjunction.Term(additional, true));
        }
    }

    /// @param keys the names of properties, deterministic
    record KeyPattern(Automaton keys, Schema schema) {}

    static ObjectShape all() {
        return new ObjectShape(List.of(), Set.of(), 0, Language.UNBOUNDED, Conjunction.ANYTHING, Origin.IMPLIED);
    }

    /// Returns the names that schemas list, in their order, followed by names that are only required.
    Set<String> declared() {
        Set<String> declared = new LinkedHashSet<>();
        layers.forEach(layer -> declared.addAll(layer.properties.keySet()));
        declared.addAll(required);
        return declared;
    }

    /// Returns what the property with this name must be.
    Conjunction property(String name) {
        Conjunction property = Conjunction.ANYTHING;
        for (Layer layer : layers) {
            property = layer.add(property, name);
        }
        return property;
    }

    /// Returns what a property must be whose name is not declared and matches some of the patterns.
    Conjunction other(Set<KeyPattern> matched) {
        Conjunction property = Conjunction.ANYTHING;
        for (Layer layer : layers) {
            boolean any = false;
            for (KeyPattern pattern : layer.patterns) {
                if (matched.contains(pattern)) {
                    property = property.and(new Conjunction.Term(pattern.schema, true));
                    any = true;
                }
            }
            if (!any && layer.additional != null) {
                property = property.and(new Conjunction.Term(layer.additional, true));
            }
        }
        return property;
    }

    /// Tells whether a schema lists the properties, and no schema says what others are.
    boolean isListed() {
        return layers.stream().anyMatch(layer -> layer.declares);
    }

    @Override
    public Values withOrigin(Origin other) {
        return new ObjectShape(layers, required, least, most, names, other);
    }

    @Override
    public @Nullable Values and(Values other, Meanings meanings) {
        if (other instanceof ListedValues listed) {
            return listed.and(this, meanings);
        }
        if (!(other instanceof ObjectShape objects)) {
            return null;
        }
        Budget.spend(layers.size() + objects.layers.size() + required.size() + objects.required.size());
        Conjunction bothNames = names;
        for (Conjunction.Term term : objects.names.terms()) {
            bothNames = bothNames.and(term);
        }
        return new ObjectShape(
                Meanings.joined(layers, objects.layers),
                union(required, objects.required),
                Math.max(least, objects.least),
                Language.lower(most, objects.most),
                bothNames,
                origin.and(objects.origin));
    }

    private static Set<String> union(Set<String> some, Set<String> others) {
        if (some.isEmpty() || others.isEmpty()) {
            return some.isEmpty() ? others : some;
        }
        Set<String> union = new LinkedHashSet<>(some);
        union.addAll(others);
        return union;
    }

    private ObjectShape withCount(int fewest, int highest) {
        return new ObjectShape(layers, required, Math.max(least, fewest), Language.lower(most, highest), names, origin);
    }

    private ObjectShape with(String name, Conjunction.Term term, boolean isRequired) {
        List<Layer> more = new ArrayList<>(layers);
        more.add(new Layer(Map.of(name, term), List.of(), null, false));
        Set<String> all = isRequired ? union(required, Set.of(name)) : required;
        return new ObjectShape(more, all, least, most, names, origin);
    }

    @Override
    public List<Values> minus(Values other, Meanings meanings) {
        if (!(other instanceof ObjectShape objects)) {
            if (other instanceof ListedValues listed
                    && listed.values().stream().anyMatch(value -> contains(value, meanings))) {
                throw new RefusedConstraint("all objects but some of a list is not supported");
            }
            return List.of(this);
        }
        Values both = and(objects, meanings);
        if (both == null || both.isNever(meanings)) {
            return List.of(this);
        }
        List<Values> rest = new ArrayList<>();
        for (String name : objects.required) {
            rest.add(with(name, Conjunction.Term.NEVER, false));
        }
        for (String name : union(declared(), objects.declared())) {
            for (Conjunction.Term term : objects.property(name).terms()) {
                rest.add(with(name, term.negated(), true));
            }
            if (!meanings.allowsName(objects.names, name)) {
                rest.add(with(name, new Conjunction.Term(Schema.FALSE, false), true));
            }
        }
        if (objects.least > 0) {
            rest.add(withCount(0, objects.least - 1));
        }
        if (objects.most != Language.UNBOUNDED) {
            rest.add(withCount(objects.most + 1, Language.UNBOUNDED));
        }
        Budget.spend(Meanings.STEPS_OF_PART * (1L * rest.size() * layers.size()));
        rest.removeIf(each -> each.isNever(meanings));
        return rest;
    }

    @Override
    public boolean contains(JsonNode value, Meanings meanings) {
        if (!value.isObject() || value.size() < least || (most != Language.UNBOUNDED && value.size() > most)) {
            return false;
        }
        for (String name : required) {
            if (!value.has(name)) {
                return false;
            }
        }
        for (Map.Entry<String, JsonNode> each : value.properties()) {
            if (!meanings.allowsName(names, each.getKey())
                    || !meanings.of(property(each.getKey())).contains(each.getValue(), meanings)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean isNever(Meanings meanings) {
        if (most != Language.UNBOUNDED && (most < least || most < required.size())) {
            return true;
        }
        for (String name : required) {
            Budget.spend(layers.size());
            if (!meanings.allowsName(names, name) || meanings.isNever(property(name))) {
                return true;
            }
        }
        return false;
    }
}
