package org.sparkqwen.engine;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.sparkqwen.engine.checkpoint.SafetensorsWriter;

/// A copy of a model directory for a test to edit.
///
/// @param directory a temporary one
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
}
