package org.sparkqwen.engine.constraint;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.math.BigDecimal;
import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A schema, or what a keyword holds, and where it stands in its document.
///
/// @param document the whole JSON schema
/// @param pointer JSON pointer as a URI fragment: `#/properties/age`
record Schema(JsonNode document, JsonNode node, String pointer) {
    private static final int MOST_NESTING = 100;

    /// Characters of strings, items of arrays.
    private static final int HIGHEST_COUNT = 1_000_000_000;

    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
            .build();

    static {
        MAPPER.getFactory()
                .setStreamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(MOST_NESTING)
                        .build());
    }

    /// @throws RefusedConstraint if `json` is not one JSON value
    static Schema parse(String json) {
        try {
            JsonNode document = MAPPER.readTree(json);
            if (document.isMissingNode()) {
                throw new RefusedConstraint("empty");
            }
            return new Schema(document, document, "#");
        } catch (JsonProcessingException e) {
            JsonLocation where = e.getLocation();
            throw new RefusedConstraint("malformed JSON%s: %s"
                    .formatted(
                            where == null
                                    ? ""
                                    : " at line %d, column %d".formatted(where.getLineNr(), where.getColumnNr()),
                            e.getOriginalMessage().lines().findFirst().orElse("")));
        }
    }

    boolean has(String keyword) {
        return node.has(keyword);
    }

    /// What `keyword` holds; it must be there.
    Schema at(String keyword) {
        String step = keyword.replace("~", "~0").replace("/", "~1");
        return new Schema(document, node.required(keyword), pointer + "/" + step);
    }

    /// The text that this is.
    ///
    /// @throws RefusedConstraint if it is none
    String text() {
        if (!node.isTextual()) {
            throw refused("expected a string");
        }
        return node.textValue();
    }

    /// The elements of the list that `keyword` holds.
    ///
    /// @throws RefusedConstraint if that is no list, or an empty one
    List<Schema> elements(String keyword) {
        Schema list = at(keyword);
        if (!list.node.isArray() || list.node.isEmpty()) {
            throw list.refused("expected a list that is not empty");
        }
        List<Schema> elements = new ArrayList<>();
        for (int i = 0; i < list.node.size(); i++) {
            elements.add(new Schema(document, list.node.required(i), list.pointer + "/" + i));
        }
        return elements;
    }

    /// The texts of the list that `keyword` holds; none if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is no list of texts
    List<String> texts(String keyword) {
        List<String> texts = new ArrayList<>();
        if (has(keyword)) {
            Schema list = at(keyword);
            if (!list.node.isArray()) {
                throw list.refused("expected a list");
            }
            for (JsonNode each : list.node) {
                if (!each.isTextual()) {
                    throw list.refused("expected a list of strings");
                }
                texts.add(each.textValue());
            }
        }
        return texts;
    }

    /// The number that `keyword` holds; null if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is no number
    @Nullable
    BigDecimal number(String keyword) {
        if (!has(keyword)) {
            return null;
        }
        Schema number = at(keyword);
        if (!number.node.isNumber()) {
            throw number.refused("expected a number");
        }
        return number.node.decimalValue();
    }

    /// The count that `keyword` holds, or `otherwise` if there is no such keyword.
    ///
    /// @throws RefusedConstraint if that is no whole number of 0 or more, or too high for any automaton
    int count(String keyword, int otherwise) {
        BigDecimal number = number(keyword);
        if (number == null) {
            return otherwise;
        }
        if (number.signum() < 0 || number.stripTrailingZeros().scale() > 0) {
            throw at(keyword).refused("expected a whole number, 0 or more");
        }
        if (number.compareTo(BigDecimal.valueOf(HIGHEST_COUNT)) > 0) {
            throw at(keyword).refused("too large: more than %,d".formatted(HIGHEST_COUNT));
        }
        return number.intValueExact();
    }

    /// The schema that this one's `$ref` names.
    ///
    /// @throws RefusedConstraint if that is none of this document
    Schema referenced() {
        Schema reference = at("$ref");
        String name = reference.text();
        if (!name.equals("#") && !name.startsWith("#/")) {
            throw reference.refused("%s is not supported; a $ref may name a place in this schema, like #/$defs/address"
                    .formatted(reference.node));
        }
        JsonNode found;
        try {
            String path = URLDecoder.decode(name.substring(1).replace("+", "%2B"), UTF_8);
            found = document.at(JsonPointer.compile(path));
        } catch (IllegalArgumentException _) {
            throw reference.refused("%s is no JSON pointer".formatted(reference.node));
        }
        if (found.isMissingNode()) {
            throw reference.refused("there is no %s".formatted(name));
        }
        return new Schema(document, found, name);
    }

    RefusedConstraint refused(String reason) {
        return new RefusedConstraint(reason).at(pointer);
    }
}
