package org.sparkqwen.engine.modelfile;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;

/// Reads the JSON files of a model directory, which is untrusted input: size and nesting are bounded, a key given twice
/// is refused, and a fault names the file and the place in it.
public final class ModelJson {
    /// The most bytes of a file. No file of a published Qwen3 exceeds 12 MB (tokenizer.json).
    public static final long MAX_BYTES = 64L << 20;

    private static final int MAX_NESTING = 32;

    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    static {
        MAPPER.getFactory()
                .setStreamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(MAX_NESTING)
                        .build());
    }

    private ModelJson() {}

    /// @throws InvalidModelException if `file` is absent, no regular file, too large, not JSON, or not an object
    public static JsonNode readObject(Path file) {
        return parseObject(ModelInput.read(file), file.toString());
    }

    /// @param origin the source of the bytes, for error messages
    /// @throws InvalidModelException if `json` is not one JSON object
    public static JsonNode parseObject(byte[] json, String origin) {
        JsonNode node = parse(json, origin);
        if (!node.isObject()) {
            throw new InvalidModelException("%s: expected a JSON object".formatted(origin));
        }
        return node;
    }

    /// @param origin the source of the bytes, for error messages
    /// @throws InvalidModelException if `json` is not one JSON array
    public static JsonNode parseArray(byte[] json, String origin) {
        JsonNode node = parse(json, origin);
        if (!node.isArray()) {
            throw new InvalidModelException("%s: expected a JSON array".formatted(origin));
        }
        return node;
    }

    private static JsonNode parse(byte[] json, String origin) {
        try {
            return MAPPER.readTree(json);
        } catch (JsonProcessingException e) {
            JsonLocation where = e.getLocation();
            throw new InvalidModelException(
                    "%s: malformed JSON%s: %s"
                            .formatted(
                                    origin,
                                    where == null
                                            ? ""
                                            : " at line %d, column %d"
                                                    .formatted(where.getLineNr(), where.getColumnNr()),
                                    e.getOriginalMessage().lines().findFirst().orElse("")),
                    e);
        } catch (IOException e) {
            throw new InvalidModelException("%s: cannot be read (%s)".formatted(origin, e.getMessage()), e);
        }
    }
}
