package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Budget;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.constraint.regex.RegexParser;

/// Determines which values schemas allow, as far as that needs no look into properties or items. Each schema
/// is read once.
final class Meanings {
    /// The smallest number of steps for combining two parts of schemas.
    static final long STEPS_OF_PART = 100;

    /// The depth to which values are searched to determine whether there are none.
    private static final int DEEPEST_LOOK = 8;

    /// The greatest number of references and schemas within each other without a property or an item between
    /// them, because the reader is recursive.
    private static final int DEEPEST = 500;

    private final Map<Schema, Meaning> ofSchemas = new HashMap<>();
    private final Map<Conjunction, Meaning> ofConjunctions = new HashMap<>();
    private final Map<String, Automaton> patterns = new HashMap<>();
    private final Set<Schema> reading = new HashSet<>();

    /// The current depth of such a search.
    private int looking;

    /// Returns the elements of both lists, each once.
    static <T> List<T> joined(List<T> some, List<T> others) {
        if (some.isEmpty() || others.isEmpty()) {
            return some.isEmpty() ? others : some;
        }
        Budget.spend((long) some.size() + others.size());
        Set<T> known = Collections.newSetFromMap(new IdentityHashMap<>());
        known.addAll(some);
        List<T> all = new ArrayList<>(some);
        others.stream().filter(known::add).forEach(all::add);
        return all;
    }

    Meaning of(Conjunction conjunction) {
        Meaning known = ofConjunctions.get(conjunction);
        if (known != null) {
            return known;
        }
        Meaning meaning = null;
        for (Conjunction.Term term : conjunction.terms()) {
            if (term.holds()) {
                Meaning more = of(term.schema());
                meaning = meaning == null ? more : meaning.and(more, this);
            }
        }
        meaning = meaning == null ? Meaning.ANYTHING : meaning;
        for (Conjunction.Term term : conjunction.terms()) {
            if (!term.holds()) {
                meaning = meaning.minus(of(term.schema()), this);
            }
        }
        ofConjunctions.put(conjunction, meaning);
        return meaning;
    }

    Meaning of(Schema schema) {
        Meaning known = ofSchemas.get(schema);
        if (known != null) {
            return known;
        }
        if (!reading.add(schema)) {
            throw schema.refused("leads back to itself by $ref with no property or item between");
        }
        if (reading.size() > DEEPEST) {
            throw schema.refused("too large: more than %d schemas within each other".formatted(DEEPEST));
        }
        try {
            Meaning meaning = read(schema);
            ofSchemas.put(schema, meaning);
            return meaning;
        } catch (RefusedConstraint e) {
            throw e.at(schema.pointer());
        } finally {
            reading.remove(schema);
        }
    }

    private Meaning read(Schema schema) {
        SchemaKeywords.require(schema);
        if (schema.node().isBoolean()) {
            return schema.node().booleanValue() ? Meaning.ANYTHING : Meaning.NOTHING;
        }
        Meaning meaning = ofTypes(schema);
        if (schema.has("const")) {
            meaning = meaning.and(listed(List.of(schema.at("const").node())), this);
        }
        if (schema.has("enum")) {
            meaning = meaning.and(
                    listed(schema.elements("enum").stream().map(Schema::node).toList()), this);
        }
        if (schema.has("$ref")) {
            Schema referenced = schema.referenced();
            meaning = meaning.and(of(referenced).by(referenced), this);
        }
        if (schema.has("allOf")) {
            for (Schema each : schema.elements("allOf")) {
                meaning = meaning.and(of(each), this);
            }
        }
        if (schema.has("anyOf")) {
            List<Values> any = new ArrayList<>();
            schema.elements("anyOf").forEach(each -> any.addAll(of(each).parts()));
            meaning = meaning.and(new Meaning(any), this);
        }
        if (schema.has("oneOf")) {
            meaning = meaning.and(new ExclusiveSchemas(schema.elements("oneOf"), this).meaning(), this);
        }
        if (schema.has("not")) {
            try {
                meaning = meaning.minus(of(schema.at("not")), this);
            } catch (RefusedConstraint e) {
                throw e.at(schema.at("not").pointer());
            }
        }
        return meaning;
    }

    private static Meaning listed(List<JsonNode> values) {
        return new Meaning(List.of(ListedValues.of(values, Origin.MEANT)));
    }

    /// Returns what `type` and the keywords for values of one type say.
    private Meaning ofTypes(Schema schema) {
        boolean typed = schema.has("type");
        if (!typed && schema.flag("nullable")) {
            throw schema.refused(
                    "nullable without a type beside it says nothing; write anyOf with {\"type\": \"null\"}");
        }
        Set<String> types = typed ? SchemaKeywords.types(schema) : Set.of();
        List<Values> parts = new ArrayList<>();
        List<JsonNode> listed = new ArrayList<>();
        if (!typed || types.contains("null")) {
            listed.add(NullNode.instance);
        }
        if (!typed || types.contains("boolean")) {
            listed.addAll(List.of(BooleanNode.TRUE, BooleanNode.FALSE));
        }
        if (!listed.isEmpty()) {
            parts.add(ListedValues.of(listed, Origin.of(!typed)));
        }
        if (!typed || types.contains("number") || types.contains("integer")) {
            boolean implied = !typed && !SchemaKeywords.hasOne(schema, SchemaKeywords.OF_NUMBERS);
            parts.add(numbers(schema, typed && !types.contains("number"), implied));
        }
        if (!typed || types.contains("string")) {
            Automaton format = schema.has("format") ? StringFormats.of(schema.at("format")) : null;
            boolean implied = !typed && format == null && !SchemaKeywords.hasOne(schema, SchemaKeywords.OF_STRINGS);
            parts.add(strings(schema, format, implied));
        }
        if (!typed || types.contains("array")) {
            parts.add(arrays(schema, !typed && !SchemaKeywords.hasOne(schema, SchemaKeywords.OF_ARRAYS)));
        }
        if (!typed || types.contains("object")) {
            parts.add(objects(schema, !typed && !SchemaKeywords.hasOne(schema, SchemaKeywords.OF_OBJECTS)));
        }
        return new Meaning(parts);
    }

    private static NumberRange numbers(Schema schema, boolean whole, boolean implied) {
        NumberRange.Bound lowest = bound(schema, "minimum", "exclusiveMinimum", 1);
        NumberRange.Bound highest = bound(schema, "maximum", "exclusiveMaximum", -1);
        List<BigDecimal> divisors = new ArrayList<>();
        if (whole) {
            divisors.add(BigDecimal.ONE);
        }
        BigDecimal divisor = schema.number("multipleOf");
        if (divisor != null) {
            JsonNumbers.requireDivisor(schema.at("multipleOf"), divisor);
            divisors.add(divisor.stripTrailingZeros());
        }
        return new NumberRange(lowest, highest, divisors, List.of(), Origin.of(implied));
    }

    /// Returns the stronger one of two keywords. In draft 4 of JSON Schema and in OpenAPI 3.0, the second
    /// keyword is a flag of the first.
    private static NumberRange.@Nullable Bound bound(
            Schema schema, String inclusiveKeyword, String exclusiveKeyword, int sign) {
        BigDecimal inclusive = schema.number(inclusiveKeyword);
        if (inclusive != null
                && schema.has(exclusiveKeyword)
                && schema.at(exclusiveKeyword).node().isBoolean()) {
            return new NumberRange.Bound(inclusive, !schema.flag(exclusiveKeyword));
        }
        BigDecimal exclusive = schema.number(exclusiveKeyword);
        return NumberRange.stronger(
                inclusive == null ? null : new NumberRange.Bound(inclusive, true),
                exclusive == null ? null : new NumberRange.Bound(exclusive, false),
                sign);
    }

    private StringSet strings(Schema schema, @Nullable Automaton format, boolean implied) {
        List<Automaton> languages = new ArrayList<>();
        if (schema.has("pattern")) {
            languages.add(
                    pattern(schema.at("pattern").text(), schema.at("pattern").pointer()));
        }
        if (format != null) {
            languages.add(format);
        }
        return new StringSet(schema.least("minLength"), schema.most("maxLength"), languages, Origin.of(implied));
    }

    private Automaton pattern(String pattern, String pointer) {
        Automaton known = patterns.get(pattern);
        if (known == null) {
            try {
                known = Language.deterministic(RegexParser.parseSearched(pattern));
            } catch (RefusedConstraint e) {
                throw e.at(pointer);
            }
            patterns.put(pattern, known);
        }
        return known;
    }

    private static ArrayShape arrays(Schema schema, boolean implied) {
        boolean old = schema.has("items") && schema.at("items").node().isArray();
        if (old && schema.has("prefixItems")) {
            throw schema.at("items").refused("a list beside prefixItems; leave one of them out");
        }
        String prefixKeyword = old ? "items" : "prefixItems"; // up to draft 2019-09, items had the list
        List<Schema> prefix = schema.has(prefixKeyword) ? schema.elements(prefixKeyword) : List.of();
        String itemsKeyword = old ? "additionalItems" : "items";
        Schema items = schema.has(itemsKeyword) ? schema.at(itemsKeyword) : null;
        return new ArrayShape(
                prefix.isEmpty() && items == null ? List.of() : List.of(new ArrayShape.Layer(prefix, items)),
                schema.least("minItems"),
                schema.most("maxItems"),
                schema.flag("uniqueItems"),
                Origin.of(implied));
    }

    private ObjectShape objects(Schema schema, boolean implied) {
        Map<String, Conjunction.Term> properties = new LinkedHashMap<>();
        if (schema.has("properties")) {
            Schema declared = schema.at("properties");
            for (String name : declared.names()) {
                properties.put(name, new Conjunction.Term(declared.at(name), true));
            }
        }
        List<ObjectShape.KeyPattern> patterns = new ArrayList<>();
        if (schema.has("patternProperties")) {
            Schema declared = schema.at("patternProperties");
            for (String pattern : declared.names()) {
                Schema property = declared.at(pattern);
                patterns.add(new ObjectShape.KeyPattern(pattern(pattern, property.pointer()), property));
            }
        }
        Schema additional = schema.has("additionalProperties") ? schema.at("additionalProperties") : null;
        boolean declares = additional == null && (schema.has("properties") || !patterns.isEmpty());
        boolean speaks = declares || additional != null;
        return new ObjectShape(
                speaks ? List.of(new ObjectShape.Layer(properties, patterns, additional, declares)) : List.of(),
                new LinkedHashSet<>(schema.texts("required")),
                schema.least("minProperties"),
                schema.most("maxProperties"),
                schema.has("propertyNames") ? Conjunction.of(schema.at("propertyNames")) : Conjunction.ANYTHING,
                Origin.of(implied));
    }

    /// Tells whether a property may be called `name`.
    boolean allowsName(Conjunction names, String name) {
        return names.equals(Conjunction.ANYTHING) || of(names).contains(TextNode.valueOf(name), this);
    }

    /// Tells whether it is certain that no value is valid under the whole conjunction. The result is false if
    /// that cannot be determined.
    boolean isNever(Conjunction conjunction) {
        if (conjunction.equals(Conjunction.ANYTHING) || looking == DEEPEST_LOOK) {
            return false;
        }
        looking++;
        try {
            List<Values> parts = of(conjunction).parts();
            Budget.spend(STEPS_OF_PART * parts.size());
            return parts.stream().allMatch(each -> each.isNever(this));
        } catch (RefusedConstraint _) {
            return false; // it is reported when the texts are compiled
        } finally {
            looking--;
        }
    }
}
