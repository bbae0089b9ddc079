package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Random schemas of all supported keywords, and values that may be valid by them.
final class RandomSchema {
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
    private static final List<String> NAMES = List.of("a", "b", "xa", "xb");
    private static final List<String> PATTERNS = List.of("^a", "b$", "^[ab]{1,2}$", "1");

    /// The depth from which on objects are empty.
    ///
    /// A schema that requires itself would otherwise be followed without end. Values that start at depth 3 nest no
    /// deeper than [Constraint.JsonSchema#DEFAULT_DEPTH] allows, so valid ones must still be accepted.
    private static final int LOWEST = -3;

    private final Random random;
    private final ObjectNode definitions = NODES.objectNode();

    /// Whether each schema says what undeclared properties and items are, so that every valid value is generated.
    private final boolean explicit;

    RandomSchema(long seed) {
        random = new Random(seed);
        explicit = seed % 2 == 0;
    }

    boolean isExplicit() {
        return explicit;
    }

    ObjectNode schema() {
        definitions.set("d0", typed(2));
        definitions.set("d1", typed(1));
        ObjectNode schema = schema(3);
        schema.set("$defs", definitions);
        return schema;
    }

    private ObjectNode schema(int depth) {
        ObjectNode schema = typed(depth);
        if (depth == 0) {
            return schema;
        }
        switch (random.nextInt(14)) {
            case 0 -> schema = NODES.objectNode().put("$ref", "#/$defs/d" + random.nextInt(2));
            case 1 -> schema.put("$ref", "#/$defs/d" + random.nextInt(2));
            case 2 -> schema.set("allOf", list(depth));
            case 3, 4 -> schema = NODES.objectNode().set("anyOf", list(depth));
            case 5 -> schema.set("anyOf", list(depth));
            case 6, 7 -> schema = NODES.objectNode().set("oneOf", list(depth));
            case 8 -> schema.set("not", typed(0));
            case 9 -> schema = NODES.objectNode().set("enum", values());
            case 10 -> schema.set("enum", values());
            default -> schema.put("title", "t").put("x-note", 1);
        }
        return schema;
    }

    private ArrayNode list(int depth) {
        ArrayNode list = NODES.arrayNode();
        for (int i = 0; i < 1 + random.nextInt(3); i++) {
            list.add(schema(depth - 1));
        }
        return list;
    }

    private ArrayNode values() {
        ArrayNode values = NODES.arrayNode();
        for (int i = 0; i < 1 + random.nextInt(6); i++) {
            values.add(value(NODES.objectNode(), 1));
        }
        return values;
    }

    private ObjectNode typed(int depth) {
        ObjectNode schema = NODES.objectNode();
        switch (random.nextInt(depth == 0 ? 5 : 9)) {
            case 0 -> schema.put("type", random.nextBoolean() ? "null" : "boolean");
            case 1, 2 -> numbers(schema);
            case 3, 4 -> strings(schema);
            case 5, 6 -> arrays(schema, depth);
            default -> objects(schema, depth);
        }
        return schema;
    }

    private boolean oneIn(int n) {
        return random.nextInt(n) == 0;
    }

    private void numbers(ObjectNode schema) {
        schema.put("type", random.nextBoolean() ? "integer" : "number");
        if (oneIn(2)) {
            schema.put(oneIn(2) ? "minimum" : "exclusiveMinimum", number());
        }
        if (oneIn(2)) {
            schema.put(oneIn(2) ? "maximum" : "exclusiveMaximum", number());
        }
        if (oneIn(3)) {
            schema.put(
                    "multipleOf",
                    new BigDecimal(List.of("1", "2", "3", "0.5", "0.25", "1.5").get(random.nextInt(6))));
        }
    }

    private BigDecimal number() {
        return BigDecimal.valueOf(random.nextInt(-40, 80), random.nextInt(2));
    }

    private void strings(ObjectNode schema) {
        if (oneIn(4)) {
            schema.set("type", NODES.arrayNode().add("string").add("null"));
        } else {
            schema.put("type", "string");
        }
        if (oneIn(3)) {
            schema.put("minLength", random.nextInt(3));
        }
        if (oneIn(2)) {
            schema.put("maxLength", random.nextInt(5));
        }
        if (oneIn(3)) {
            schema.put("pattern", PATTERNS.get(random.nextInt(PATTERNS.size())));
        }
    }

    private void arrays(ObjectNode schema, int depth) {
        schema.put("type", "array");
        if (oneIn(3)) {
            schema.set("prefixItems", list(depth));
        }
        if (explicit || !oneIn(4)) {
            schema.set("items", oneIn(6) ? NODES.booleanNode(oneIn(2)) : schema(depth - 1));
        }
        if (oneIn(3)) {
            schema.put("minItems", random.nextInt(3));
        }
        if (oneIn(2)) {
            schema.put("maxItems", random.nextInt(4));
        }
        if (oneIn(6)) {
            schema.put("uniqueItems", false);
        }
    }

    private void objects(ObjectNode schema, int depth) {
        schema.put("type", "object");
        if (!oneIn(6)) {
            ObjectNode properties = schema.putObject("properties");
            NAMES.stream().filter(_ -> random.nextBoolean()).forEach(name -> properties.set(name, schema(depth - 1)));
        }
        if (oneIn(2)) {
            ArrayNode required = schema.putArray("required");
            NAMES.stream().filter(_ -> oneIn(3)).forEach(required::add);
        }
        switch (random.nextInt(explicit ? 3 : 5)) {
            case 0 -> schema.put("additionalProperties", false);
            case 1 -> schema.put("additionalProperties", true);
            case 2 -> schema.set("additionalProperties", schema(depth - 1));
            default -> {}
        }
        if (oneIn(5)) {
            schema.putObject("patternProperties").set("^x", schema(depth - 1));
        }
        if (oneIn(6)) {
            schema.putObject("propertyNames").put("pattern", oneIn(2) ? "^[ax]" : "b$");
        }
        if (oneIn(6)) {
            schema.put("minProperties", random.nextInt(2));
        }
        if (oneIn(6)) {
            schema.put("maxProperties", random.nextInt(4));
        }
    }

    /// Returns a value that may be valid, with properties in the order in which they are generated.
    JsonNode value(JsonNode schema, int depth) {
        List<ObjectNode> all = new ArrayList<>();
        collect(schema, all);
        for (ObjectNode each : all) {
            if (each.has("enum") && !oneIn(4)) {
                return each.get("enum").get(random.nextInt(each.get("enum").size()));
            }
        }
        List<String> types = new ArrayList<>();
        for (ObjectNode each : all) {
            JsonNode type = each.get("type");
            if (type != null) {
                types.add(type.isArray() ? type.get(random.nextInt(type.size())).asText() : type.asText());
            }
        }
        String type = types.isEmpty()
                ? List.of("null", "integer", "string", "array", "object").get(random.nextInt(depth > 0 ? 5 : 3))
                : types.get(random.nextInt(types.size()));
        return switch (type) {
            case "null" -> NODES.nullNode();
            case "boolean" -> NODES.booleanNode(random.nextBoolean());
            case "integer" -> NODES.numberNode(random.nextInt(-5, 10));
            case "number" ->
                NODES.numberNode(new BigDecimal(number().stripTrailingZeros().toPlainString()));
            case "string" -> NODES.textNode(text());
            case "array" -> array(all, depth);
            default -> object(all, depth);
        };
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(5); i > 0; i--) {
            text.append("aab1\"\u00e9".charAt(random.nextInt(6)));
        }
        return text.toString();
    }

    /// Collects a schema and those that it joins, and one of its alternatives.
    private void collect(JsonNode schema, List<ObjectNode> all) {
        if (!(schema instanceof ObjectNode object)) {
            return;
        }
        all.add(object);
        if (object.has("$ref")) {
            collect(definitions.get(object.get("$ref").asText().replaceFirst(".*/", "")), all);
        }
        if (object.has("allOf")) {
            object.get("allOf").forEach(each -> collect(each, all));
        }
        for (String keyword : List.of("anyOf", "oneOf")) {
            if (object.has(keyword)) {
                collect(
                        object.get(keyword)
                                .get(random.nextInt(object.get(keyword).size())),
                        all);
            }
        }
    }

    private JsonNode array(List<ObjectNode> all, int depth) {
        ArrayNode array = NODES.arrayNode();
        for (int i = random.nextInt(4); i > 0 && depth > 0; i--) {
            List<JsonNode> schemas = new ArrayList<>(List.of(NODES.objectNode()));
            for (ObjectNode each : all) {
                JsonNode prefix = each.path("prefixItems").path(array.size());
                if (!prefix.isMissingNode()) {
                    schemas.add(prefix);
                } else if (each.has("items")) {
                    schemas.add(each.get("items"));
                } else if (each.has("prefixItems")) {
                    return array; // nothing is generated behind a tuple
                }
            }
            array.add(value(schemas.get(schemas.size() == 1 ? 0 : 1 + random.nextInt(schemas.size() - 1)), depth - 1));
        }
        return array;
    }

    private JsonNode object(List<ObjectNode> all, int depth) {
        ObjectNode object = NODES.objectNode();
        List<String> names = new ArrayList<>();
        boolean closed = false;
        boolean patterns = false;
        for (ObjectNode each : all) {
            each.path("properties").fieldNames().forEachRemaining(names::add);
            boolean listed = each.has("properties") || each.has("patternProperties");
            closed |= listed && !each.has("additionalProperties");
            patterns |= each.has("patternProperties");
        }
        for (ObjectNode each : all) {
            each.path("required").forEach(name -> names.add(name.asText()));
        }
        if (patterns) {
            names.add("x");
        }
        if (!closed) {
            names.add("y");
        }
        for (String name : names) {
            List<JsonNode> schemas = new ArrayList<>();
            all.forEach(each -> {
                if (each.path("properties").has(name)) {
                    schemas.add(each.get("properties").get(name));
                } else if (each.has("patternProperties") && name.startsWith("x")) {
                    schemas.add(each.get("patternProperties").get("^x"));
                } else if (each.has("additionalProperties")) {
                    schemas.add(each.get("additionalProperties"));
                }
            });
            if (!object.has(name) && !oneIn(3) && depth > (schemas.isEmpty() ? 0 : LOWEST)) {
                object.set(
                        name,
                        value(
                                schemas.isEmpty() ? NODES.objectNode() : schemas.get(random.nextInt(schemas.size())),
                                depth - 1));
            }
        }
        return object;
    }
}
