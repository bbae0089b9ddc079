package org.sparkqwen.engine.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.tukaani.xz.XZInputStream;

/// A tokenizer that the tests use in this project's implementation and in Hugging Face's.
public final class SampleTokenizer {
    public static final SampleTokenizer QWEN3 =
            new SampleTokenizer("Qwen3", unpacked("/golden/qwen3-tokenizer.json.xz"));
    public static final SampleTokenizer TINY =
            new SampleTokenizer("tiny-qwen3", Path.of("..", "data-samples", "tiny-qwen3", "tokenizer.json"));

    static final List<SampleTokenizer> ALL = List.of(QWEN3, TINY);

    private final String name;
    private final Path file;
    private final Tokenizer ours;

    private SampleTokenizer(String name, Path file) {
        this.name = name;
        this.file = file;
        ours = Tokenizer.read(file);
    }

    @Override
    public String toString() {
        return name;
    }

    public Tokenizer ours() {
        return ours;
    }

    /// Reads a new tokenizer that no test has used yet.
    Tokenizer read() {
        return Tokenizer.read(file);
    }

    /// Reads tokenizer.json.
    JsonNode json() throws IOException {
        return new ObjectMapper().readTree(file.toFile());
    }

    /// Returns the reference, which parses special tokens.
    HuggingFaceTokenizer reference() throws IOException {
        return reference(file);
    }

    /// Returns the reference with special tokens that no text contains, because DJL does not pass
    /// `encode_special_tokens` on.
    HuggingFaceTokenizer referenceWithoutSpecialTokens() throws IOException {
        JsonNode json = json();
        int id = 0;
        for (JsonNode token : json.get("added_tokens")) {
            if (token.get("special").booleanValue()) {
                ((ObjectNode) token).put("content", "\uE000never in a text " + id++);
            }
        }
        Path changed = temporaryFile();
        Files.writeString(changed, json.toString());
        return reference(changed);
    }

    private static HuggingFaceTokenizer reference(Path file) throws IOException {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        return HuggingFaceTokenizer.newInstance(
                file, Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
    }

    private static Path unpacked(String resource) {
        try (InputStream packed =
                Objects.requireNonNull(SampleTokenizer.class.getResourceAsStream(resource), resource)) {
            Path file = temporaryFile();
            Files.write(file, new XZInputStream(packed).readAllBytes());
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path temporaryFile() throws IOException {
        Path file = Files.createTempFile("tokenizer", ".json");
        file.toFile().deleteOnExit();
        return file;
    }
}
