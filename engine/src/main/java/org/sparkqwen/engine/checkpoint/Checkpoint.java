package org.sparkqwen.engine.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.sparkqwen.engine.gguf.GgufModel;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;
import org.sparkqwen.engine.modelfile.ModelJson;
import org.sparkqwen.engine.modelfile.OtherFormat;

/// The weights of a model as they were published: `model.safetensors`, the shards that `model.safetensors.index.json`
/// names, or a GGUF model. They are mapped, and never copied to the heap; other formats (pickles among them) are never
/// opened. This owns the mappings: a [TensorView] must not be used after [#close].
public final class Checkpoint implements WeightFiles {
    public static final String SINGLE = "model.safetensors";

    private final Path model;
    private final Path directory;
    private final Arena arena;
    private final SequencedMap<String, TensorView> tensors;
    private final List<Path> files;

    private Checkpoint(
            Path model, Path directory, Arena arena, SequencedMap<String, TensorView> tensors, List<Path> files) {
        this.model = model;
        this.directory = directory;
        this.arena = arena;
        this.tensors = tensors;
        this.files = files;
    }

    /// Maps and checks every file of the checkpoint.
    ///
    /// @param model a directory, or a GGUF file
    /// @throws InvalidModelException if `model` holds neither safetensors nor GGUF, or a file of them is damaged
    public static Checkpoint open(Path model) {
        return open(model, TensorNames.AS_STORED);
    }

    /// Opens a checkpoint like [#open(Path)]. If no tensor's name has the prefix of `names`, each bare name
    /// gets it, because the checkpoint is one of the bare model, such as one for embeddings.
    public static Checkpoint open(Path model, TensorNames names) {
        ModelFolder folder = ModelFolder.of(model);
        if (!Files.isDirectory(folder.directory())) {
            throw OtherFormat.in(model, "");
        }
        Arena arena = Arena.ofShared();
        try {
            return folder.gguf().isPresent()
                    ? open(model, folder.directory(), folder.gguf().get(), arena)
                    : open(folder.directory(), names, arena);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /// Whether `directory` holds safetensors.
    static boolean isIn(Path directory) {
        return Files.isRegularFile(directory.resolve(SINGLE))
                || Files.isRegularFile(directory.resolve(ModelInput.INDEX));
    }

    private static Checkpoint open(Path model, Path directory, GgufModel gguf, Arena arena) {
        List<TensorView> tensors = gguf.parts().stream()
                .flatMap(part -> GgufFile.map(part, arena).stream())
                .toList();
        return new Checkpoint(
                model,
                directory,
                arena,
                collect(directory, tensors),
                gguf.parts().stream().map(GgufModel.Part::file).toList());
    }

    private static Checkpoint open(Path directory, TensorNames names, Arena arena) {
        Path single = directory.resolve(SINGLE);
        Path index = directory.resolve(ModelInput.INDEX);
        if (ModelInput.isThere(single)) {
            SequencedMap<String, TensorView> tensors =
                    collect(directory, SafetensorsFile.map(single, arena).tensors());
            return new Checkpoint(directory, directory, arena, withPrefix(tensors, names), List.of(single));
        }
        if (!ModelInput.isThere(index)) {
            throw OtherFormat.in(directory, "neither %s nor %s".formatted(SINGLE, ModelInput.INDEX));
        }
        Map<String, String> shardOf = readIndex(index);
        List<SafetensorsFile> shards = new ArrayList<>();
        for (String shard : new TreeSet<>(shardOf.values())) {
            Path path = directory.resolve(shard);
            if (!ModelInput.isThere(path)) {
                throw new InvalidModelException(
                        "%s: names %s, which does not exist; download that file too".formatted(index, shard));
            }
            shards.add(SafetensorsFile.map(path, arena));
        }
        SequencedMap<String, TensorView> tensors = collect(
                directory,
                shards.stream().flatMap(shard -> shard.tensors().stream()).toList());
        checkIndex(index, shardOf, tensors);
        return new Checkpoint(
                directory,
                directory,
                arena,
                withPrefix(tensors, names),
                shards.stream().map(SafetensorsFile::path).toList());
    }

    /// The names of the shards that a `model.safetensors.index.json` names, in their order.
    ///
    /// @throws InvalidModelException if it names none, or one that would lie in another directory
    public static SortedSet<String> shards(Path index) {
        return new TreeSet<>(readIndex(index).values());
    }

    /// Reads the map from tensor name to shard name. A shard's name may not lead out of the directory.
    private static Map<String, String> readIndex(Path index) {
        JsonNode weightMap = ModelJson.readObject(index).path("weight_map");
        if (!weightMap.isObject() || weightMap.isEmpty()) {
            throw new InvalidModelException("%s: has no weight_map".formatted(index));
        }
        Map<String, String> shardOf = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : weightMap.properties()) {
            String shard = entry.getValue().asText();
            boolean plain = shard.matches("[A-Za-z0-9_][A-Za-z0-9._-]*") && shard.endsWith(".safetensors");
            if (!entry.getValue().isTextual() || !plain) {
                throw new InvalidModelException(
                        "%s: weight_map names %s for %s; a shard is a .safetensors file of the same directory"
                                .formatted(index, Quote.of(entry.getValue()), Quote.of(entry.getKey())));
            }
            shardOf.put(entry.getKey(), shard);
        }
        return shardOf;
    }

    private static SequencedMap<String, TensorView> collect(Path directory, Collection<TensorView> all) {
        SequencedMap<String, TensorView> tensors = new LinkedHashMap<>();
        for (TensorView tensor : all) {
            TensorView twin = tensors.put(tensor.name(), tensor);
            if (twin != null) {
                throw new InvalidModelException(
                        "%s: tensor %s is also in %s; download the model again, into an empty directory"
                                .formatted(directory.resolve(tensor.file()), Quote.of(tensor.name()), twin.file()));
            }
        }
        return tensors;
    }

    private static SequencedMap<String, TensorView> withPrefix(
            SequencedMap<String, TensorView> tensors, TensorNames names) {
        String prefix = names.prefix();
        if (tensors.keySet().stream().anyMatch(name -> name.startsWith(prefix))) {
            return tensors;
        }
        SequencedMap<String, TensorView> renamed = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            boolean bare = names.isBare(name);
            renamed.put(bare ? prefix + name : name, bare ? tensor.named(prefix + name) : tensor);
        });
        return renamed;
    }

    private static void checkIndex(Path index, Map<String, String> shardOf, Map<String, TensorView> tensors) {
        shardOf.forEach((name, shard) -> {
            TensorView tensor = tensors.get(name);
            if (tensor == null || !tensor.file().equals(shard)) {
                throw new InvalidModelException(
                        "%s: places tensor %s in %s, which does not have it; download the model again"
                                .formatted(index, Quote.of(name), shard));
            }
        });
        for (String name : tensors.keySet()) {
            if (!shardOf.containsKey(name)) {
                throw new InvalidModelException("%s: does not name tensor %s of %s; download the model again"
                        .formatted(index, Quote.of(name), tensors.get(name).file()));
            }
        }
    }

    @Override
    public Path directory() {
        return directory;
    }

    @Override
    public Path model() {
        return model;
    }

    @Override
    public List<Path> files() {
        return files;
    }

    @Override
    public List<TensorView> tensors() {
        return List.copyOf(tensors.values());
    }

    /// Returns the tensor of a name, which includes the prefix that the files may leave out.
    public Optional<TensorView> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    @Override
    public void close() {
        arena.close();
    }
}
