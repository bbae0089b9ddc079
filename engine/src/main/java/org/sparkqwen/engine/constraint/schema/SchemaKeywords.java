package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;

/// The keywords that a schema may have. A keyword that is not listed here is refused.
final class SchemaKeywords {
    static final Set<String> OF_NUMBERS =
            Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");
    static final Set<String> OF_STRINGS = Set.of("minLength", "maxLength", "pattern");
    static final Set<String> OF_ARRAYS =
            Set.of("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems");
    static final Set<String> OF_OBJECTS = Set.of(
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties");

    /// The keywords for values of any type.
    private static final Set<String> OF_ALL =
            Set.of("type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "not", "format", "nullable");

    /// Keywords that do not change what is valid. They belong to JSON Schema, to OpenAPI, and to widely used
    /// generators and editors.
    private static final Set<String> ANNOTATIONS = Set.of(
            "$schema",
            "$id",
            "id", // the $id of draft 4
            "$anchor",
            "$dynamicAnchor",
            "$recursiveAnchor",
            "$vocabulary",
            "$comment",
            "$defs",
            "definitions",
            "title",
            "description",
            "default",
            "examples",
            "deprecated",
            "readOnly",
            "writeOnly",
            "contentEncoding",
            "contentMediaType",
            "contentSchema",
            "example",
            "discriminator", // a hint at which branch of oneOf a value belongs to
            "externalDocs",
            "xml",
            "deprecationMessage",
            "errorMessage",
            "enumNames",
            "enumDescriptions",
            "markdownDescription",
            "markdownEnumDescriptions",
            "defaultSnippets",
            "propertyOrder",
            "propertyOrdering",
            "options",
            "tsType",
            "javaType");

    private static final String CHOOSE = "write one schema for each case, and join them with anyOf";

    /// Keywords that change what is valid and are not supported, with what to do instead.
    private static final Map<String, String> UNSUPPORTED = Map.ofEntries(
            Map.entry("if", CHOOSE),
            Map.entry("then", CHOOSE),
            Map.entry("else", CHOOSE),
            Map.entry("dependentRequired", CHOOSE),
            Map.entry("dependentSchemas", CHOOSE),
            Map.entry("dependencies", CHOOSE),
            Map.entry("contains", "describe the items with prefixItems and items"),
            Map.entry("minContains", "describe the items with prefixItems and items"),
            Map.entry("maxContains", "describe the items with prefixItems and items"),
            Map.entry("unevaluatedProperties", "write additionalProperties beside all the properties"),
            Map.entry("unevaluatedItems", "write items beside prefixItems"),
            Map.entry("$dynamicRef", "use $ref"),
            Map.entry("$recursiveRef", "use $ref"));

    private static final Set<String> TYPES =
            Set.of("null", "boolean", "integer", "number", "string", "array", "object");

    private SchemaKeywords() {}

    /// Tells whether the value of a keyword consists of values, in which nothing is a schema.
    static boolean holdsValues(String keyword) {
        return Set.of("const", "enum", "default", "examples", "example").contains(keyword);
    }

    /// Tells whether the value of a keyword has schemas by names, which are not keywords.
    static boolean holdsNames(String keyword) {
        return Set.of("properties", "patternProperties", "$defs", "definitions").contains(keyword);
    }

    /// Checks a schema's keywords.
    ///
    /// @throws RefusedConstraint if `schema` is not a schema, or has a keyword that is not supported
    static void require(Schema schema) {
        requireSchema(schema);
        if (schema.node().isBoolean()) {
            return;
        }
        for (String keyword : schema.names()) {
            if (OF_ALL.contains(keyword)
                    || ANNOTATIONS.contains(keyword)
                    || OF_NUMBERS.contains(keyword)
                    || OF_STRINGS.contains(keyword)
                    || OF_ARRAYS.contains(keyword)
                    || OF_OBJECTS.contains(keyword)
                    || keyword.startsWith("x-")
                    || (keyword.startsWith("unevaluated") && saysNothing(schema.at(keyword)))) {
                continue;
            }
            String advice = UNSUPPORTED.get(keyword);
            throw schema.refused(
                    advice == null
                            ? "there is no keyword %s; an annotation may be named x-%s"
                                    .formatted(Quote.of(keyword), Quote.of(keyword))
                            : "%s is not supported; %s".formatted(keyword, advice));
        }
    }

    /// @throws RefusedConstraint if it does not have the form of a schema
    private static void requireSchema(Schema schema) {
        if (!schema.node().isObject() && !schema.node().isBoolean()) {
            throw schema.refused("expected a schema, which is a JSON object");
        }
    }

    /// Tells whether every value is valid under the schema, as far as that can be seen without looking into
    /// it.
    static boolean saysNothing(Schema schema) {
        JsonNode node = schema.node();
        if (node.isBoolean()) {
            return node.booleanValue();
        }
        return node.isObject()
                && schema.names().stream().allMatch(each -> ANNOTATIONS.contains(each) || each.startsWith("x-"));
    }

    /// Tells whether the schema has one of `keywords`.
    static boolean hasOne(Schema schema, Set<String> keywords) {
        return keywords.stream().anyMatch(schema::has);
    }

    /// Returns the types that `type` and OpenAPI's `nullable` name.
    ///
    /// @throws RefusedConstraint if one of them is not a type, or there is none
    static Set<String> types(Schema schema) {
        boolean one = schema.at("type").node().isTextual();
        Set<String> types = new LinkedHashSet<>(one ? List.of(schema.at("type").text()) : schema.texts("type"));
        for (String type : types) {
            if (!TYPES.contains(type)) {
                throw schema.at("type").refused("there is no type \"%s\"".formatted(Quote.of(type)));
            }
        }
        if (types.isEmpty()) {
            throw schema.at("type").refused("can never be met: the list is empty");
        }
        if (schema.flag("nullable")) {
            types.add("null");
        }
        return types;
    }
}
