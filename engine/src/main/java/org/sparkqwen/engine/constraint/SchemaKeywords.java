package org.sparkqwen.engine.constraint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Which keywords a schema may have, and which belong together: what is not listed here is refused.
final class SchemaKeywords {
    /// They say nothing of what is valid.
    private static final Set<String> ANNOTATIONS = Set.of(
            "$schema",
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
            "discriminator"); // OpenAPI's hint at which branch of oneOf a value belongs to

    /// What a schema may be made of instead of a type.
    private static final List<String> WHOLE = List.of("$ref", "const", "enum", "anyOf", "oneOf", "allOf");

    private static final Set<String> OF_NUMBERS =
            Set.of("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");

    private static final Map<String, Set<String>> OF_TYPES = Map.of(
            "null", Set.of(),
            "boolean", Set.of(),
            "integer", OF_NUMBERS,
            "number", OF_NUMBERS,
            "string", Set.of("minLength", "maxLength", "pattern", "format"),
            "array", Set.of("items", "prefixItems", "minItems", "maxItems"),
            "object", Set.of("properties", "required", "additionalProperties"));

    private SchemaKeywords() {}

    /// @throws RefusedConstraint if `schema` is no schema, or has a keyword that is not supported, or not beside
    ///     others
    static void require(Schema schema) {
        if (schema.node().isBoolean()) {
            throw schema.refused(
                    schema.node().booleanValue()
                            ? "true allows anything, which is not supported; give a type"
                            : "can never be met: false allows nothing");
        }
        requireSchema(schema);
        List<String> whole = WHOLE.stream().filter(schema::has).toList();
        if (whole.isEmpty()) {
            requireTyped(schema);
        } else {
            requireAlone(schema, whole.getFirst());
        }
    }

    /// @throws RefusedConstraint if it has no form of a schema
    static void requireSchema(Schema schema) {
        if (!schema.node().isObject() && !schema.node().isBoolean()) {
            throw schema.refused("expected a schema, which is a JSON object");
        }
    }

    /// Beside a keyword that says all may be annotations alone; beside values may be their type.
    private static void requireAlone(Schema schema, String whole) {
        boolean values = whole.equals("const") || whole.equals("enum");
        for (String keyword : names(schema)) {
            if (!isAnnotation(schema, keyword) && !keyword.equals(whole) && !(values && keyword.equals("type"))) {
                throw schema.refused("%s beside %s is not supported".formatted(keyword, whole));
            }
        }
        if (whole.equals("allOf") && schema.elements(whole).size() > 1) {
            throw schema.refused("allOf of more than one schema is not supported; write one schema that says all");
        }
    }

    private static void requireTyped(Schema schema) {
        if (!schema.has("type")) {
            String unknown = names(schema).stream()
                    .filter(each -> !isAnnotation(schema, each))
                    .filter(each -> OF_TYPES.values().stream().noneMatch(some -> some.contains(each)))
                    .findFirst()
                    .orElse(null);
            throw schema.refused(
                    unknown == null
                            ? "has no type; give a type, enum, const, $ref, anyOf or oneOf"
                            : unknown + " is not supported");
        }
        List<String> types = types(schema);
        for (String keyword : names(schema)) {
            boolean known = isAnnotation(schema, keyword) || keyword.equals("type");
            if (!known
                    && types.stream()
                            .noneMatch(type ->
                                    OF_TYPES.getOrDefault(type, Set.of()).contains(keyword))) {
                throw schema.refused("%s is not supported for type %s".formatted(keyword, String.join(" or ", types)));
            }
        }
        if (types.contains("object") && !schema.has("properties")) {
            throw schema.refused("an object without properties is not supported; give its properties");
        }
        if (types.contains("array") && !schema.has("items") && !schema.has("prefixItems")) {
            throw schema.refused("an array without items is not supported; give items or prefixItems");
        }
    }

    /// An `$id` within a document would change what a `$ref` means.
    private static boolean isAnnotation(Schema schema, String keyword) {
        return ANNOTATIONS.contains(keyword)
                || (keyword.equals("$id") && schema.pointer().equals("#"));
    }

    /// The types that `type` names, none if there is no such keyword.
    ///
    /// @throws RefusedConstraint if one is no type
    static List<String> types(Schema schema) {
        if (!schema.has("type")) {
            return List.of();
        }
        boolean one = schema.at("type").node().isTextual();
        List<String> types = one ? List.of(schema.at("type").text()) : schema.texts("type");
        for (String type : types) {
            if (!OF_TYPES.containsKey(type)) {
                throw schema.at("type").refused("there is no type \"%s\"".formatted(type));
            }
        }
        if (types.isEmpty()) {
            throw schema.at("type").refused("can never be met: the list is empty");
        }
        return types;
    }

    /// The values of `const` or `enum`; of those whose type is given, too, the ones that are of it.
    ///
    /// @throws RefusedConstraint if there are none
    static List<JsonNode> values(Schema schema) {
        List<JsonNode> values = schema.has("const")
                ? List.of(schema.at("const").node())
                : schema.elements("enum").stream().map(Schema::node).toList();
        List<String> types = types(schema);
        List<JsonNode> ofType = values.stream()
                .filter(value -> types.isEmpty() || types.stream().anyMatch(type -> isOfType(value, type)))
                .toList();
        if (ofType.isEmpty()) {
            throw schema.refused("can never be met: no value is of type %s".formatted(String.join(" or ", types)));
        }
        return ofType;
    }

    private static boolean isOfType(JsonNode value, String type) {
        return typeOf(value).equals(type)
                || (type.equals("integer")
                        && value.isNumber()
                        && value.decimalValue().stripTrailingZeros().scale() <= 0);
    }

    /// The type of a value; `number` of any number.
    static String typeOf(JsonNode value) {
        return value.getNodeType().name().toLowerCase(Locale.ROOT);
    }

    /// Whether `items` describes items, and not that there are none, or anything.
    static boolean describesItems(Schema array) {
        if (!array.has("items")) {
            return false;
        }
        if (array.at("items").node().isArray()) {
            throw array.at("items").refused("a list is not supported; use prefixItems");
        }
        return !array.at("items").node().isBoolean()
                || (array.at("items").node().booleanValue() && !array.has("prefixItems"));
    }

    /// The names in an object: keywords, or properties.
    ///
    /// @throws RefusedConstraint if it is no object
    static List<String> names(Schema object) {
        if (!object.node().isObject()) {
            throw object.refused("expected a JSON object");
        }
        List<String> names = new ArrayList<>();
        object.node().fieldNames().forEachRemaining(names::add);
        return names;
    }
}
