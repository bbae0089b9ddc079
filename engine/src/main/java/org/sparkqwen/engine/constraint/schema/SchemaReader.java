package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.message.Quote;

/// Reads a schema from JSON text. The text is the schema itself, or the object in which OpenAI's API wraps
/// one.
final class SchemaReader {
    /// The greatest number of chars of a schema. No schema of good faith comes near it.
    private static final int LONGEST = 10_000_000;

    private static final int MOST_NESTING = 200;

    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    /// The keys of a named schema in OpenAI's API, which is the `json_schema` of a response format.
    private static final Set<String> ENVELOPE = Set.of("name", "description", "strict", "schema", "type");

    static {
        MAPPER.getFactory()
                .setStreamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(MOST_NESTING)
                        .build());
    }

    private SchemaReader() {}

    /// @throws RefusedConstraint if `json` is not one JSON value, or is too large
    static Schema read(String json) {
        if (json.length() > LONGEST) {
            throw new RefusedConstraint("too large: the schema has %,d characters, more than the %,d that it may have"
                    .formatted(json.length(), LONGEST));
        }
        JsonNode document;
        try {
            document = MAPPER.readTree(json);
        } catch (StreamConstraintsException e) {
            throw new RefusedConstraint("too large: " + Quote.line(e.getOriginalMessage()));
        } catch (JsonProcessingException e) {
            JsonLocation where = e.getLocation();
            throw new RefusedConstraint("malformed JSON%s: %s"
                    .formatted(
                            where == null
                                    ? ""
                                    : " at line %d, column %d".formatted(where.getLineNr(), where.getColumnNr()),
                            Quote.line(
                                    e.getOriginalMessage().lines().findFirst().orElse(""))));
        }
        if (document.isMissingNode()) {
            throw new RefusedConstraint("empty");
        }
        return unwrapped(document);
    }

    private static Schema unwrapped(JsonNode document) {
        JsonNode schema = document;
        String pointer = "#";
        for (String key : List.of("json_schema", "schema")) {
            if (isEnvelope(schema, key)) {
                schema = schema.required(key);
                pointer += "/" + key;
            }
        }
        JsonNode id = schema.get("$id");
        String name = id != null && id.isTextual() ? id.textValue().replaceFirst("#.*$", "") : "";
        return new Schema(new SchemaResource(name, schema, pointer), schema, pointer);
    }

    /// Tells whether an object contains a schema under `key`, and nothing else that a schema may have.
    private static boolean isEnvelope(JsonNode node, String key) {
        JsonNode held = node.get(key);
        if (held == null || !held.isObject()) {
            return false;
        }
        JsonNode type = node.get("type");
        Set<String> names = new HashSet<>();
        node.fieldNames().forEachRemaining(names::add);
        names.remove(key);
        return ENVELOPE.containsAll(names)
                && (type == null || type.asText().equals("json_schema"))
                && (type != null || node.has("name") || node.has("strict") || names.isEmpty());
    }
}
