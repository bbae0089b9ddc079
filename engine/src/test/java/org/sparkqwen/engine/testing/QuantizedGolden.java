package org.sparkqwen.engine.testing;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;

/// The quantized models that `golden/quantized/make.py` writes, and the same models without quantization.
public final class QuantizedGolden {
    private static final Path DIRECTORY = Golden.DIRECTORY.resolve("quantized");

    /// All of them, as names of directories.
    public static final List<String> NAMES = List.of(
            "awq",
            "awq-groups",
            "float8",
            "float8-blocks",
            "fp8",
            "fp8-powers",
            "gptq",
            "gptq-groups",
            "gptq-int8",
            "gptq-order",
            "gptq-v2-int8",
            "int8",
            "packed-int4",
            "packed-int4-groups",
            "packed-int4-zeros",
            "packed-int8");

    private QuantizedGolden() {}

    public static Path model(String name) {
        return DIRECTORY.resolve(name);
    }

    /// Copies a quantized model.
    ///
    /// @param to an empty directory
    public static ModelCopy copy(String name, Path to) {
        return ModelCopy.of(model(name), to).without("expected.safetensors.gz");
    }

    /// Makes the model with the values of the quantized weights, which is not quantized.
    ///
    /// @param to an empty directory
    public static Path plain(String name, Path to) {
        ModelCopy copy = copy(name, to).config(QuantizedGolden::withoutQuantization);
        try (InputStream in =
                new GZIPInputStream(Files.newInputStream(model(name).resolve("expected.safetensors.gz")))) {
            Files.write(copy.directory().resolve("model.safetensors"), in.readAllBytes());
            return copy.directory();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void withoutQuantization(ObjectNode config) {
        config.remove("quantization_config");
    }
}
