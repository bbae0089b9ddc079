package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.message.Quote;

/// Compiles a JSON schema (draft 2020-12) into an automaton of JSON texts that are valid under it.
///
/// Every text of the automaton is valid, but not every valid text is in it. An object has its declared
/// properties in the order of their declaration, numbers have a limited number of digits, and a text is one
/// line (see [JsonText]). What an automaton cannot express, or what is not supported, is refused. No
/// assertion is ignored.
///
/// A schema within itself is compiled as often as it may be nested, which the user sets. A value that would
/// be nested deeper is left out, as if its schema were `false`.
public final class JsonSchemaCompiler {
    /// The greatest depth of values within values, because the compiler is recursive.
    private static final int DEEPEST = 150;

    /// The greatest number of patterns in patternProperties. There is an automaton for each set of patterns
    /// that a name may match.
    private static final int MOST_PATTERNS = 6;

    private final CountedStrings strings = new CountedStrings();
    private final Meanings meanings = new Meanings();
    private final int depth;

    /// The schemas that are compiled already. Their texts depend on how often the schemas in them were open.
    private final Map<Conjunction, List<Compiled>> known = new HashMap<>();

    private final Map<Values, Automaton> simple = new HashMap<>();

    /// How often each schema that a `$ref` leads to is being compiled within itself.
    private final Map<Schema, Integer> open = new HashMap<>();

    /// The schemas of references that were met within each value that is being compiled.
    private final List<Set<Schema>> met = new ArrayList<>();

    /// Whether a schema was met within itself.
    private boolean recursive;

    private JsonSchemaCompiler(int depth) {
        this.depth = depth;
    }

    /// The texts of a schema.
    ///
    /// @param automaton deterministic; it has no states if there are no texts
    /// @param whyNone why there are no texts; null if there are some
    private record Texts(Automaton automaton, @Nullable RefusedConstraint whyNone) {}

    /// A schema that was compiled.
    ///
    /// @param openBefore how often each schema within it was open
    private record Compiled(Texts texts, Map<Schema, Integer> openBefore) {}

    /// Compiles a schema.
    ///
    /// @param depth how often a schema may be nested within itself
    /// @throws RefusedConstraint if the schema is malformed, not supported, too large, or allows nothing
    public static ByteAutomaton compile(String schema, int depth) {
        return Budget.within(() -> new JsonSchemaCompiler(depth).compile(SchemaReader.read(schema)));
    }

    private ByteAutomaton compile(Schema document) {
        open.put(document, 1);
        try {
            Texts texts = compile(Conjunction.of(document));
            if (texts.whyNone != null) {
                throw texts.whyNone;
            }
            return strings.bytes(texts.automaton);
        } catch (RefusedConstraint e) {
            throw recursive && e.isTooLarge()
                    ? new RefusedConstraint("%s; or lower --schema-depth, which is %d".formatted(e.reason(), depth))
                    : e;
        }
    }

    private Texts compile(Conjunction schema) {
        for (Compiled each : known.getOrDefault(schema, List.of())) {
            if (each.openBefore.entrySet().stream()
                    .allMatch(entry -> open.getOrDefault(entry.getKey(), 0).equals(entry.getValue()))) {
                met.forEach(all -> all.addAll(each.openBefore.keySet()));
                return each.texts;
            }
        }
        if (met.size() == DEEPEST) {
            throw new RefusedConstraint("too large: values are nested more than %d deep".formatted(DEEPEST))
                    .at(Quote.line(schema.pointer()));
        }
        Set<Schema> within = new HashSet<>();
        met.add(within);
        try {
            Texts texts = texts(schema);
            Map<Schema, Integer> openBefore = new HashMap<>();
            within.forEach(each -> openBefore.put(each, open.getOrDefault(each, 0)));
            known.computeIfAbsent(schema, _ -> new ArrayList<>()).add(new Compiled(texts, openBefore));
            return texts;
        } catch (RefusedConstraint e) {
            throw e.at(Quote.line(schema.pointer()));
        } finally {
            met.removeLast();
        }
    }

    /// Returns the texts of values. There are none if a schema from which the values come must not be opened
    /// once more.
    private Texts texts(Values part, Set<Schema> references) {
        met.forEach(each -> each.addAll(references));
        for (Schema each : references) {
            int times = open.getOrDefault(each, 0);
            recursive |= times > 0;
            if (times > depth) {
                return none(
                        new RefusedConstraint("can never be met: every value nests deeper than --schema-depth, which"
                                + " is %d; raise it, or let the schema end without itself".formatted(depth)));
            }
        }
        references.forEach(each -> open.merge(each, 1, Integer::sum));
        Texts texts = texts(part);
        references.forEach(each -> open.merge(each, -1, Integer::sum));
        return texts;
    }

    private static Texts none(RefusedConstraint reason) {
        return new Texts(Automata.makeEmpty(), reason);
    }

    private Texts texts(Conjunction schema) {
        List<Automaton> all = new ArrayList<>();
        RefusedConstraint whyNone = null;
        boolean anything = schema.equals(Conjunction.ANYTHING);
        for (Values part : meanings.of(schema).meant()) {
            Texts texts =
                    texts(part, anything ? Set.of(Schema.TRUE) : part.origin().references());
            if (Operations.isEmpty(texts.automaton)) {
                whyNone = whyNone == null ? texts.whyNone : whyNone;
            } else {
                all.add(texts.automaton);
            }
        }
        if (all.isEmpty()) {
            RefusedConstraint reason = new RefusedConstraint(
                    "can never be met: " + (isFalse(schema) ? "false allows nothing" : "no value is allowed"));
            return none((whyNone == null ? reason : whyNone).at(Quote.line(schema.pointer())));
        }
        return new Texts(Language.deterministic(Language.union(all)), null);
    }

    private static boolean isFalse(Conjunction schema) {
        return schema.terms().stream()
                .anyMatch(each -> each.holds()
                        && each.schema().node().isBoolean()
                        && !each.schema().node().booleanValue());
    }

    private Texts texts(Values values) {
        return switch (values) {
            case ListedValues listed -> some(JsonText.exactly(listed.values()));
            case NumberRange numbers -> some(shared(numbers, () -> JsonNumbers.of(numbers)));
            case StringSet set -> strings(set);
            case ArrayShape arrays -> arrays(arrays);
            case ObjectShape objects -> objects(objects);
        };
    }

    /// Returns the texts of strings or numbers. They are kept, because many schemas have the same ones.
    private Automaton shared(Values values, Supplier<Automaton> texts) {
        Values alike = values.withOrigin(Origin.MEANT);
        Automaton known = simple.get(alike);
        if (known == null) {
            known = texts.get();
            simple.put(alike, known);
        }
        return known;
    }

    private static Texts some(Automaton texts) {
        return new Texts(texts, null);
    }

    private Texts strings(StringSet set) {
        if (set.most() != Language.UNBOUNDED && set.most() < set.least()) {
            return none(new RefusedConstraint("can never be met: maxLength is less than minLength"));
        }
        return some(shared(set, () -> strings.texts(set.valuesOfAnyLength(), set.least(), set.most())));
    }

    private Texts arrays(ArrayShape arrays) {
        int least = arrays.least();
        // Nobody expects items after a tuple, unless the schema requires that many.
        int most = arrays.isTuple()
                ? Language.lower(arrays.most(), Math.max(least, arrays.prefixLength()))
                : arrays.most();
        if (most != Language.UNBOUNDED && most < least) {
            return none(new RefusedConstraint("can never be met: maxItems is less than minItems"));
        }
        if (arrays.unique() && most != 0 && most != 1) {
            return unique(arrays);
        }
        int described = Language.lower(most, arrays.prefixLength());
        List<Automaton> prefix = new ArrayList<>();
        for (int i = 0; i < described; i++) {
            Texts item = compile(arrays.item(i));
            if (item.whyNone != null) {
                return i < least ? item : some(JsonArrays.of(prefix, null, least, i));
            }
            prefix.add(item.automaton);
        }
        boolean follow = most == Language.UNBOUNDED || most > described;
        Texts items = follow ? compile(arrays.item(described)) : null;
        if (items != null && items.whyNone != null) {
            if (least > described) {
                return items;
            }
            items = null;
        }
        return some(JsonArrays.of(prefix, items == null ? null : items.automaton, least, most));
    }

    private Texts unique(ArrayShape arrays) {
        List<Values> items =
                arrays.prefixLength() == 0 ? meanings.of(arrays.item(0)).meant() : List.of(StringSet.all());
        Set<Object> keys = new LinkedHashSet<>();
        List<JsonNode> values = new ArrayList<>();
        for (Values part : items) {
            if (!(part instanceof ListedValues listed)) {
                throw new RefusedConstraint("uniqueItems is supported only for the values of an enum; leave it out, and"
                        + " look for equal items afterwards");
            }
            listed.byKey().forEach((key, value) -> {
                if (keys.add(key)) {
                    values.add(value);
                }
            });
        }
        return some(JsonArrays.ofUnique(values, arrays.least(), arrays.most()));
    }

    private Texts objects(ObjectShape objects) {
        int most = objects.most();
        if (most != Language.UNBOUNDED && most < objects.least()) {
            return none(new RefusedConstraint("can never be met: maxProperties is less than minProperties"));
        }
        List<JsonObjects.Property> properties = new ArrayList<>();
        Set<String> declared = objects.declared();
        for (String name : declared) {
            boolean required = objects.required().contains(name);
            Budget.spend(objects.layers().size());
            if (!meanings.allowsName(objects.names(), name)) {
                if (required) {
                    return none(new RefusedConstraint(
                            "can never be met: propertyNames does not allow %s, which is".formatted(Quote.of(name))
                                    + " required"));
                }
                continue;
            }
            Texts value = compile(objects.property(name));
            if (value.whyNone == null) {
                properties.add(new JsonObjects.Property(name, required, value.automaton));
            } else if (required) {
                return value;
            }
        }
        List<JsonObjects.Others> others = most == 0 ? List.of() : others(objects, declared);
        if (objects.least() > properties.size() + 1 && !others.isEmpty()) {
            throw new RefusedConstraint(
                    "minProperties of %,d is not supported where only %,d properties have names: keys"
                                    .formatted(objects.least(), properties.size())
                            + " may repeat; name the properties");
        }
        return some(JsonObjects.of(properties, others, objects.least(), most));
    }

    /// Returns the properties without declared names, by the patterns that their names match.
    private List<JsonObjects.Others> others(ObjectShape objects, Set<String> declared) {
        List<ObjectShape.KeyPattern> patterns = objects.layers().stream()
                .flatMap(layer -> layer.patterns().stream())
                .toList();
        if (patterns.size() > MOST_PATTERNS) {
            throw new RefusedConstraint("too large: %,d patternProperties, more than the %d that there may be"
                    .formatted(patterns.size(), MOST_PATTERNS));
        }
        if (patterns.isEmpty() && objects.isListed()) {
            return List.of();
        }
        Automaton names = names(objects.names());
        if (!declared.isEmpty()) {
            names = Language.deterministic(Language.except(names, Language.ofTexts(declared)));
        }
        List<JsonObjects.Others> others = new ArrayList<>();
        for (int set = objects.isListed() ? 1 : 0; set < 1 << patterns.size(); set++) {
            Automaton some = names;
            Set<ObjectShape.KeyPattern> matched = new LinkedHashSet<>();
            for (int i = 0; i < patterns.size(); i++) {
                Automaton keys = patterns.get(i).keys();
                if ((set >> i & 1) == 1) {
                    matched.add(patterns.get(i));
                    some = Language.deterministic(Language.intersection(some, keys));
                } else {
                    some = Language.deterministic(Language.except(some, keys));
                }
            }
            if (Operations.isEmpty(some)) {
                continue;
            }
            Texts value = compile(objects.other(matched));
            if (value.whyNone == null) {
                others.add(new JsonObjects.Others(some, value.automaton));
            }
        }
        return others;
    }

    /// Returns the strings that `propertyNames` allows.
    private Automaton names(Conjunction names) {
        List<Automaton> all = new ArrayList<>();
        for (Values part : meanings.of(names).parts()) {
            if (part instanceof StringSet set) {
                all.add(set.values());
            } else if (part instanceof ListedValues listed) {
                all.add(Language.ofTexts(listed.values().stream()
                        .filter(JsonNode::isTextual)
                        .map(JsonNode::textValue)
                        .toList()));
            }
        }
        return all.isEmpty() ? Automata.makeEmpty() : Language.deterministic(Language.union(all));
    }
}
