package org.sparkqwen.engine.hostcache;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Packing;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.Sha256;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.PackedForgery;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.Unwatched;
import org.sparkqwen.engine.testing.Writable;

/// A model's fingerprint stands in old outputs, so it does not depend on how the model is kept.
class FingerprintTest {
    private static final Path UNTIED = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");

    @TempDir
    private Path directory = Path.of("");

    /// The label in the README's first example begins with this fingerprint.
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

    /// The packed file's header names its safetensors, which nobody can compare with it.
    @Test
    void aPackedModelHasAFingerprintOfItsOwnWhereverItIsPacked() throws IOException {
        Path here = pack("here");
        Path there = pack("there");
        assertThat(fingerprint(here)).isEqualTo(fingerprint(there)).isNotEqualTo(fingerprint(UNTIED));
    }

    @Test
    void changesWithTheNumbersOfAPackedModelWhateverItsHeaderClaims() throws IOException {
        Path honest = pack("honest");
        ModelCopy.of(UNTIED, Files.createDirectory(directory.resolve("changed")))
                .weights("model-00001-of-00002.safetensors", "model.embed_tokens.weight", 0, 0.5f, 2f);
        Path forged = directory.resolve("forged");
        Packing.intoDirectory(
                directory.resolve("changed"),
                WeightEncoding.STORED,
                forged,
                directory.resolve("cache"),
                new Unwatched());
        PackedForgery.claim(forged.resolve(PackedFile.NAME), honest.resolve(PackedFile.NAME));
        try (PackedFile before = PackedFile.open(honest.resolve(PackedFile.NAME));
                PackedFile after = PackedFile.open(forged.resolve(PackedFile.NAME))) {
            assertThat(after.sources()).isEqualTo(before.sources());
            after.tensors().forEach(after::check); // all of its checksums are right
        }
        assertThat(fingerprint(forged)).isNotEqualTo(fingerprint(honest));
    }

    /// A cache makes neither the honest nor the changed file another one, and is not asked without need.
    @Test
    void isRememberedForAPackedModelUntilThatChanges() throws IOException {
        Path packed = pack("packed");
        Path file = Writable.file(packed.resolve(PackedFile.NAME));
        Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2025-05-05T05:05:05Z")));
        String before = fingerprint(packed);
        Path cache = directory.resolve("remembers");
        for (int i = 0; i < 2; i++) {
            try (WeightFiles weights = WeightFiles.open(packed)) {
                assertThat(Fingerprint.of(weights, cache)).isEqualTo(before);
            }
        }
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        try (WeightFiles weights = WeightFiles.open(packed)) {
            assertThat(Refusal.messageOf(() -> Fingerprint.of(weights, cache))).contains("is damaged: CRC-32C");
        }
    }

    private Path pack(String name) throws IOException {
        Path output = directory.resolve(name);
        Packing.intoDirectory(UNTIED, WeightEncoding.STORED, output, directory.resolve("cache"), new Unwatched());
        return output;
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
