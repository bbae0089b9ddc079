package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/// A copy of a model directory for a test to edit.
///
/// @param directory a temporary directory
public record ModelCopy(Path directory) {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /// @param to an empty directory
    public static ModelCopy of(Path model, Path to) {
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
            return new ModelCopy(to);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public ModelCopy without(String file) {
        try {
            Files.delete(directory.resolve(file));
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Edits config.json.
    public ModelCopy config(Consumer<ObjectNode> edit) {
        return json("config.json", edit);
    }

    public ModelCopy json(String name, Consumer<ObjectNode> edit) {
        try {
            Path file = directory.resolve(name);
            ObjectNode node = (ObjectNode) MAPPER.readTree(file.toFile());
            edit.accept(node);
            MAPPER.writeValue(file.toFile(), node);
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Overwrites elements of a tensor from index `from` on.
    public ModelCopy weights(String file, String tensor, int from, float... values) {
        SafetensorsWriter.overwrite(directory.resolve(file), tensor, from, values);
        return this;
    }

    /// Adds a head to an F32 file, with the embedding's numbers, the first of which is `more` larger.
    public ModelCopy withHead(String file, float more) {
        return rewritten(file, tensors -> {
            SafetensorsWriter.Tensor embedding = Objects.requireNonNull(tensors.get("model.embed_tokens.weight"));
            byte[] numbers = embedding.bytes().clone();
            ByteBuffer buffer = ByteBuffer.wrap(numbers).order(ByteOrder.LITTLE_ENDIAN);
            buffer.putFloat(0, buffer.getFloat(0) + more);
            tensors.put("lm_head.weight", new SafetensorsWriter.Tensor(embedding.dtype(), embedding.shape(), numbers));
        });
    }

    /// Gives the tensors of a file other names.
    public ModelCopy renamed(String file, UnaryOperator<String> name) {
        return rewritten(file, tensors -> {
            Map<String, SafetensorsWriter.Tensor> before = new LinkedHashMap<>(tensors);
            tensors.clear();
            before.forEach((old, tensor) -> tensors.put(name.apply(old), tensor));
        });
    }

    private ModelCopy rewritten(String file, Consumer<Map<String, SafetensorsWriter.Tensor>> edit) {
        SafetensorsWriter.rewrite(directory.resolve(file), edit);
        return this;
    }
}
