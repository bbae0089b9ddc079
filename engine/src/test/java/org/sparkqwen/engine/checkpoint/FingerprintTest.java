package org.sparkqwen.engine.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Golden;
import org.sparkqwen.engine.ModelCopy;
import org.sparkqwen.engine.Packing;

/// A model's fingerprint stands in outputs that were written long ago: it does not change with how the model is kept.
class FingerprintTest {
    private static final Path UNTIED = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");

    @TempDir
    private Path directory = Path.of("");

    /// The label in the README's first example begins with it.
    @Test
    void theSampleModelsFingerprintIsWhatItAlwaysWas() {
        assertThat(fingerprint(Golden.SMALL_MODEL)).startsWith("5185c5d6a7f9");
    }

    @Test
    void isTheSha256OfWhatSha256sumPrints() throws IOException {
        StringBuilder lines = new StringBuilder();
        for (String name : List.of(
                "config.json",
                "generation_config.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors")) {
            lines.append(Sha256.of(UNTIED.resolve(name)))
                    .append("  ")
                    .append(name)
                    .append('\n');
        }
        assertThat(fingerprint(UNTIED)).isEqualTo(Sha256.of(lines.toString()));
    }

    @Test
    void aPackedModelHasTheFingerprintOfItsSafetensors() throws IOException {
        Path packed = directory.resolve("packed");
        for (Path model : List.of(UNTIED, Golden.SMALL_MODEL)) {
            Path output = packed.resolve(String.valueOf(model.getFileName()));
            Packing.intoDirectory(model, output, directory.resolve("cache"), new Unwatched());
            assertThat(fingerprint(output)).isEqualTo(fingerprint(model));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"config.json", "generation_config.json"})
    void changesWithEveryFileThatDecidesResults(String name) throws IOException {
        ModelCopy.of(UNTIED, directory);
        String before = fingerprint(directory);
        Files.writeString(directory.resolve(name), Files.readString(directory.resolve(name)) + " ");
        assertThat(fingerprint(directory)).isNotEqualTo(before);
    }

    @Test
    void aTokenizerOrTemplateThatAppearsChangesItAndACardDoesNot() throws IOException {
        ModelCopy.of(UNTIED, directory);
        String before = fingerprint(directory);
        Files.writeString(directory.resolve("README.md"), "no matter");
        assertThat(fingerprint(directory)).isEqualTo(before);
        for (String name : List.of("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")) {
            Files.writeString(directory.resolve(name), "{}");
            assertThat(fingerprint(directory)).isNotEqualTo(before);
            before = fingerprint(directory);
        }
    }

    private static String fingerprint(Path model) {
        try (WeightFiles weights = WeightFiles.open(model)) {
            return Fingerprint.of(weights, null);
        }
    }
}
