package org.sparkqwen.engine.gguf;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;

/// A model in one GGUF file, or in the parts of a split one. Its tensors are not read, only described.
public final class GgufModel {
    private static final String SPLIT_COUNT = "split.count";
    private static final String SPLIT_NUMBER = "split.no";

    /// The most parts that a model is split into.
    private static final int MAX_PARTS = 99_999;

    private final List<Part> parts;
    private final GgufMetadata metadata;

    /// A file of the model.
    ///
    /// @param tensors in the order of the file
    public record Part(Path file, List<GgufTensor> tensors) {}

    private GgufModel(List<Part> parts, GgufMetadata metadata) {
        this.parts = parts;
        this.metadata = metadata;
    }

    /// Reads the headers of a model's files.
    ///
    /// @param first the single file, or the first part
    /// @throws InvalidModelException if a file is absent, damaged, or no part of this model
    public static GgufModel read(Path first) {
        Path directory = first.toAbsolutePath().getParent();
        List<String> names = GgufNames.of(String.valueOf(first.getFileName()), String.valueOf(directory));
        List<Part> parts = new ArrayList<>();
        List<GgufMetadata> metadata = new ArrayList<>();
        for (String name : names) {
            Path file = first.resolveSibling(name);
            if (!ModelInput.isThere(file)) {
                throw new InvalidModelException("%s: no such file%s"
                        .formatted(file, names.size() > 1 ? "; a split model needs all of its parts" : ""));
            }
            GgufHeader header = GgufHeader.read(file);
            checkPart(header.metadata(), parts.size(), names.size());
            metadata.add(header.metadata());
            parts.add(new Part(file, header.tensors()));
        }
        return new GgufModel(List.copyOf(parts), metadata.getFirst());
    }

    private static void checkPart(GgufMetadata metadata, int number, int count) {
        int statedCount = metadata.has(SPLIT_COUNT) ? metadata.wholeNumber(SPLIT_COUNT, 0, MAX_PARTS) : 0;
        if (Math.max(1, statedCount) != count) {
            throw metadata.unsupported(
                    SPLIT_COUNT, "the name says %d: parts are named as in model-00001-of-00002.gguf".formatted(count));
        }
        if (count > 1 && metadata.wholeNumber(SPLIT_NUMBER, 0, MAX_PARTS) != number) {
            throw metadata.unsupported(SPLIT_NUMBER, "the name says that it is %d".formatted(number));
        }
    }

    /// Maps a file of a model.
    ///
    /// @throws InvalidModelException if it cannot be mapped, or if it is shorter than when its header was read
    public static MemorySegment map(Part part, Arena arena) {
        MemorySegment file = GgufHeader.map(part.file(), arena);
        long end = part.tensors().stream().mapToLong(GgufTensor::to).max().orElse(0);
        if (file.byteSize() < end) {
            throw new InvalidModelException("%s: has become shorter".formatted(part.file()));
        }
        return file;
    }

    /// The files, in their order.
    public List<Part> parts() {
        return parts;
    }

    /// The single file, or the first part.
    public Path file() {
        return parts.getFirst().file();
    }

    /// The model's config.json, as its metadata say it.
    ///
    /// @throws InvalidModelException if a key has a value that makes no sense, or that is not supported
    public byte[] config() {
        return bytes(new GgufConfig(metadata, tensor(TensorNaming.HEAD).isEmpty(), embeddingRows()).translate());
    }

    private OptionalInt embeddingRows() {
        return tensor(TensorNaming.EMBEDDING).stream()
                .mapToInt(tensor -> tensor.shape().getFirst())
                .findFirst();
    }

    private Optional<GgufTensor> tensor(String name) {
        return tensors().filter(tensor -> tensor.name().equals(name)).findFirst();
    }

    private Stream<GgufTensor> tensors() {
        return parts.stream().flatMap(part -> part.tensors().stream());
    }

    /// Remarks on the metadata for the user, a line each.
    ///
    /// @throws InvalidModelException if a key changes results in a way that is not supported
    public List<String> warnings() {
        return GgufKeys.check(metadata, Architecture.of(metadata).id, String.valueOf(file().getFileName()));
    }

    /// Whether the metadata have a tokenizer of any kind.
    public boolean hasTokenizer() {
        return new GgufTokenizer(metadata).exists();
    }

    /// The tokenizer's vocab.json.
    ///
    /// @throws InvalidModelException if the metadata have none, or a tokenizer that is not supported
    public byte[] vocabulary() {
        return bytes(new GgufTokenizer(metadata).vocabulary());
    }

    /// The tokenizer's merges.txt.
    ///
    /// @throws InvalidModelException if the metadata have none
    public byte[] merges() {
        return new GgufTokenizer(metadata).merges().getBytes(StandardCharsets.UTF_8);
    }

    /// The tokenizer's tokenizer_config.json, with the chat template.
    ///
    /// @param withTokens whether the added tokens are those of the metadata; false if there is a tokenizer.json
    /// @throws InvalidModelException if the metadata contradict themselves
    public byte[] tokenizerConfig(boolean withTokens) {
        return bytes(new GgufTokenizer(metadata).config(withTokens));
    }

    private static byte[] bytes(ObjectNode json) {
        return json.toPrettyString().getBytes(StandardCharsets.UTF_8);
    }
}
