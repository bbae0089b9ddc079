package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;

/// A JSON schema (draft 2020-12) as an automaton of JSON texts that are valid by it.
///
/// Every text is valid, but not every valid text is among them: an object has declared properties only, in the order of
/// their declaration; numbers have so many digits; a text is one line (see [JsonText]). What an automaton cannot hold,
/// or this one does not, is refused: no assertion is passed over.
final class JsonSchemaCompiler {
    /// References within references; the compiler is recursive.
    private static final int MOST_REFERENCES = 50;

    /// The schemas that were referred to, by their pointers.
    private final Map<String, Automaton> referenced = new HashMap<>();

    /// The pointers that are being followed.
    private final Set<String> following = new HashSet<>();

    private final CountedStrings strings = new CountedStrings();

    private JsonSchemaCompiler() {}

    /// @throws RefusedConstraint if the schema is malformed, not supported, too large, or allows nothing
    static ByteAutomaton compile(String schema) {
        return Budget.within(() -> {
            JsonSchemaCompiler compiler = new JsonSchemaCompiler();
            return compiler.strings.bytes(compiler.compile(Schema.parse(schema)));
        });
    }

    /// @return deterministic
    private Automaton compile(Schema schema) {
        SchemaKeywords.require(schema);
        try {
            Automaton texts = Language.deterministic(texts(schema));
            if (texts.getNumStates() == 0) {
                throw schema.refused("can never be met: no value is allowed");
            }
            return texts;
        } catch (RefusedConstraint e) {
            throw e.at(schema.pointer());
        }
    }

    private Automaton texts(Schema schema) {
        if (schema.has("$ref")) {
            return referenced(schema);
        }
        if (schema.has("const") || schema.has("enum")) {
            return values(schema);
        }
        if (schema.has("anyOf")) {
            return Language.union(
                    schema.elements("anyOf").stream().map(this::compile).toList());
        }
        if (schema.has("oneOf")) {
            List<Schema> branches = schema.elements("oneOf");
            List<Automaton> texts = branches.stream().map(this::compile).toList();
            DisjointSchemas.require(branches);
            return Language.union(texts);
        }
        if (schema.has("allOf")) {
            return compile(schema.elements("allOf").getFirst());
        }
        List<Automaton> texts = new ArrayList<>();
        for (String type : SchemaKeywords.types(schema)) {
            texts.add(ofType(type, schema));
        }
        return Language.union(texts);
    }

    private Automaton referenced(Schema schema) {
        Schema target = schema.referenced();
        Automaton known = referenced.get(target.pointer());
        if (known != null) {
            return known;
        }
        if (following.size() == MOST_REFERENCES) {
            throw schema.at("$ref").refused("more than %d references within each other".formatted(MOST_REFERENCES));
        }
        if (!following.add(target.pointer())) {
            throw schema.at("$ref")
                    .refused(
                            "%s leads back to itself, which is not supported: a regular automaton cannot nest without bound"
                                    .formatted(target.pointer()));
        }
        Automaton texts = compile(target);
        following.remove(target.pointer());
        referenced.put(target.pointer(), texts);
        return texts;
    }

    /// The values of `const` or `enum` that are of the type, if there is one.
    private static Automaton values(Schema schema) {
        List<String> single = new ArrayList<>();
        List<Automaton> texts = new ArrayList<>();
        for (JsonNode value : SchemaKeywords.values(schema)) {
            if (value.isContainerNode()) {
                texts.add(JsonText.exactly(value));
            } else {
                single.add(JsonText.text(value));
            }
        }
        if (!single.isEmpty()) {
            texts.add(Language.ofTexts(single));
        }
        return Language.union(texts);
    }

    private Automaton ofType(String type, Schema schema) {
        return switch (type) {
            case "null" -> Automata.makeString("null");
            case "boolean" -> Language.union(List.of(Automata.makeString("true"), Automata.makeString("false")));
            case "integer" -> JsonNumbers.of(schema, true);
            case "number" -> JsonNumbers.of(schema, false);
            case "string" -> string(schema);
            case "array" -> array(schema);
            default -> object(schema);
        };
    }

    private Automaton string(Schema schema) {
        int least = schema.count("minLength", 0);
        int most = schema.count("maxLength", Language.UNBOUNDED);
        if (most != Language.UNBOUNDED && most < least) {
            throw schema.refused("can never be met: maxLength is less than minLength");
        }
        Automaton values = Language.repeat(CodePoints.automaton(CodePoints.ALL), 0, Language.UNBOUNDED);
        if (schema.has("pattern")) {
            Schema pattern = schema.at("pattern");
            try {
                values = both(values, RegexParser.parseSearched(pattern.text()));
            } catch (RefusedConstraint e) {
                throw e.at(pattern.pointer());
            }
        }
        if (schema.has("format")) {
            values = both(values, StringFormats.of(schema.at("format")));
        }
        return strings.texts(values, least, most);
    }

    private static Automaton both(Automaton some, Automaton others) {
        return Language.intersection(Language.deterministic(some), Language.deterministic(others));
    }

    private Automaton array(Schema schema) {
        int least = schema.count("minItems", 0);
        int most = schema.count("maxItems", Language.UNBOUNDED);
        if (most != Language.UNBOUNDED && most < least) {
            throw schema.refused("can never be met: maxItems is less than minItems");
        }
        List<Automaton> prefix = schema.has("prefixItems")
                ? schema.elements("prefixItems").stream().map(this::compile).toList()
                : List.of();
        Automaton items = SchemaKeywords.describesItems(schema) ? compile(schema.at("items")) : Automata.makeEmpty();
        if (items.getNumStates() == 0 && least > prefix.size()) {
            throw schema.refused("can never be met: minItems is %d, and only the %d items of prefixItems are described"
                    .formatted(least, prefix.size()));
        }
        return JsonArrays.of(prefix, items, least, most);
    }

    private Automaton object(Schema schema) {
        Set<String> required = new LinkedHashSet<>(schema.texts("required"));
        List<JsonObjects.Property> properties = new ArrayList<>();
        Schema declared = schema.at("properties");
        for (String name : SchemaKeywords.names(declared)) {
            properties.add(new JsonObjects.Property(name, required.remove(name), compile(declared.at(name))));
        }
        if (!required.isEmpty()) {
            throw schema.at("required")
                    .refused("%s is not among the properties"
                            .formatted(required.iterator().next()));
        }
        if (schema.has("additionalProperties")) {
            SchemaKeywords.requireSchema(schema.at("additionalProperties"));
        }
        return JsonObjects.of(properties);
    }
}
