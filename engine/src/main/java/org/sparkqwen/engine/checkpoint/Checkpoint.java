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
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.adapter.LoraAdapter;
import org.sparkqwen.engine.adapter.LoraUpdate;
import org.sparkqwen.engine.gguf.GgufModel;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;
import org.sparkqwen.engine.modelfile.ModelJson;
import org.sparkqwen.engine.modelfile.OtherFormat;
import org.sparkqwen.engine.quantized.Quantization;
import org.sparkqwen.engine.quantized.StoredTensor;

/// The weights of a model as they were published: `model.safetensors`, the shards that `model.safetensors.index.json`
/// names, or a GGUF model. Safetensors may be quantized, as `quantization_config` of config.json says. The files are
/// mapped, and never copied to the heap; other formats (pickles among them) are never opened. This owns the mappings: a
/// [CheckpointTensor] must not be used after [#close].
public final class Checkpoint implements WeightFiles {
    public static final String SINGLE = "model.safetensors";

    /// What the names of all tensors of layers have, and no others.
    private static final String LAYERS = "layers.";

    private final Path model;
    private final Path directory;
    private final Arena arena;
    private final SequencedMap<String, CheckpointTensor> tensors;
    private final List<Path> files;
    private final @Nullable Quantization quantization;
    private final @Nullable AdapterFiles adapter;
    private final @Nullable LoraAdapter lora;

    private Checkpoint(
            Path model,
            Path directory,
            Arena arena,
            SequencedMap<String, CheckpointTensor> tensors,
            List<Path> files,
            @Nullable Quantization quantization,
            @Nullable AdapterFiles adapter,
            @Nullable LoraAdapter lora) {
        this.model = model;
        this.directory = directory;
        this.arena = arena;
        this.tensors = tensors;
        this.files = files;
        this.quantization = quantization;
        this.adapter = adapter;
        this.lora = lora;
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
        return open(model, names, null);
    }

    /// Opens a checkpoint like [#open(Path, TensorNames)], with an adapter merged into the matrices that it
    /// changes.
    ///
    /// @param adapter a directory with a PEFT adapter; null for none
    /// @throws InvalidModelException if the adapter does not fit, too
    public static Checkpoint open(Path model, TensorNames names, @Nullable Path adapter) {
        ModelFolder folder = ModelFolder.of(model);
        if (!Files.isDirectory(folder.directory())) {
            throw OtherFormat.in(model, "");
        }
        Arena arena = Arena.ofShared();
        try {
            Checkpoint base = folder.gguf().isPresent()
                    ? open(model, folder.directory(), folder.gguf().get(), arena)
                    : open(folder, names, arena);
            return adapter == null ? base : base.with(new AdapterFiles(adapter), names);
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
                new LinkedHashMap<>(collect(directory, tensors, TensorView::name, TensorView::file)),
                gguf.parts().stream().map(GgufModel.Part::file).toList(),
                null,
                null,
                null);
    }

    private static Checkpoint open(ModelFolder folder, TensorNames names, Arena arena) {
        Path directory = folder.directory();
        Path single = directory.resolve(SINGLE);
        Path index = directory.resolve(ModelInput.INDEX);
        boolean isSingle = ModelInput.isThere(single);
        if (!isSingle && !ModelInput.isThere(index)) {
            throw OtherFormat.in(directory, "neither %s nor %s".formatted(SINGLE, ModelInput.INDEX));
        }
        @Nullable Quantization quantization = quantization(folder).orElse(null);
        Map<String, String> shardOf = isSingle ? Map.of() : readIndex(index);
        List<SafetensorsFile> shards = new ArrayList<>();
        for (String shard : isSingle ? List.of(SINGLE) : new TreeSet<>(shardOf.values())) {
            Path path = directory.resolve(shard);
            if (!ModelInput.isThere(path)) {
                throw new InvalidModelException(
                        "%s: names %s, which does not exist; download that file too".formatted(index, shard));
            }
            shards.add(
                    quantization == null
                            ? SafetensorsFile.map(path, arena)
                            : SafetensorsFile.map(path, arena, quantization.types()));
        }
        SequencedMap<String, StoredTensor> stored = collect(
                directory,
                shards.stream().flatMap(shard -> shard.stored().stream()).toList(),
                StoredTensor::name,
                tensor -> String.valueOf(tensor.path().getFileName()));
        if (!isSingle) {
            checkIndex(index, shardOf, stored);
        }
        return new Checkpoint(
                directory,
                directory,
                arena,
                tensors(withPrefix(stored, names), quantization),
                shards.stream().map(SafetensorsFile::path).toList(),
                quantization,
                null,
                null);
    }

    /// This checkpoint with an adapter, which shares the mappings.
    private Checkpoint with(AdapterFiles files, TensorNames names) {
        LoraAdapter read = LoraAdapter.of(
                files.settings(),
                files.weights(),
                SafetensorsFile.map(files.weights(), arena).stored());
        Map<String, List<Integer>> matrices = new TreeMap<>();
        tensors.forEach((name, tensor) -> {
            if (name.startsWith(names.prefix())
                    && name.contains(LAYERS)
                    && name.endsWith(".weight")
                    && tensor.shape().size() == 2) {
                matrices.put(name, tensor.shape());
            }
        });
        Map<String, LoraUpdate> updates = read.updates(matrices, names.prefix());
        SequencedMap<String, CheckpointTensor> merged = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            LoraUpdate update = updates.get(name);
            merged.put(name, update == null ? tensor : new MergedTensor(tensor, update));
        });
        return new Checkpoint(model, directory, arena, merged, this.files, quantization, files, read);
    }

    private static Optional<Quantization> quantization(ModelFolder folder) {
        return folder.has(ModelFolder.CONFIG)
                ? Quantization.of(
                        new ConfigJson(folder.origin(ModelFolder.CONFIG), folder.readObject(ModelFolder.CONFIG)),
                        new ArrayList<>())
                : Optional.empty();
    }

    private static SequencedMap<String, CheckpointTensor> tensors(
            SequencedMap<String, StoredTensor> stored, @Nullable Quantization quantization) {
        Quantization.Weights weights = quantization == null
                ? new Quantization.Weights(List.copyOf(stored.values()), List.of())
                : quantization.weights(stored.values());
        SequencedMap<String, CheckpointTensor> tensors = new LinkedHashMap<>();
        weights.plain().forEach(tensor -> tensors.put(tensor.name(), TensorView.of(tensor)));
        weights.quantized().forEach(matrix -> tensors.put(matrix.name(), new WidenedTensor(matrix)));
        return tensors;
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

    private static <T> SequencedMap<String, T> collect(
            Path directory, Collection<T> all, Function<T, String> name, Function<T, String> file) {
        SequencedMap<String, T> tensors = new LinkedHashMap<>();
        for (T tensor : all) {
            T twin = tensors.put(name.apply(tensor), tensor);
            if (twin != null) {
                throw new InvalidModelException(
                        "%s: tensor %s is also in %s; download the model again, into an empty directory"
                                .formatted(
                                        directory.resolve(file.apply(tensor)),
                                        Quote.of(name.apply(tensor)),
                                        file.apply(twin)));
            }
        }
        return tensors;
    }

    private static SequencedMap<String, StoredTensor> withPrefix(
            SequencedMap<String, StoredTensor> tensors, TensorNames names) {
        String prefix = names.prefix();
        if (tensors.keySet().stream().anyMatch(name -> name.startsWith(prefix))) {
            return tensors;
        }
        SequencedMap<String, StoredTensor> renamed = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            boolean bare = names.isBare(name);
            renamed.put(bare ? prefix + name : name, bare ? tensor.named(prefix + name) : tensor);
        });
        return renamed;
    }

    private static void checkIndex(Path index, Map<String, String> shardOf, Map<String, StoredTensor> tensors) {
        shardOf.forEach((name, shard) -> {
            StoredTensor tensor = tensors.get(name);
            if (tensor == null || !tensor.path().endsWith(shard)) {
                throw new InvalidModelException(
                        "%s: places tensor %s in %s, which does not have it; download the model again"
                                .formatted(index, Quote.of(name), shard));
            }
        });
        tensors.forEach((name, tensor) -> {
            if (!shardOf.containsKey(name)) {
                throw new InvalidModelException("%s: does not name tensor %s of %s; download the model again"
                        .formatted(index, Quote.of(name), tensor.path().getFileName()));
            }
        });
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
    public List<CheckpointTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    /// Returns the tensor of a name, which includes the prefix that the files may leave out.
    public Optional<CheckpointTensor> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /// The quantization of the safetensors; empty if they are not quantized, and for GGUF, whose formats
    /// [DType] has.
    public Optional<Quantization> quantization() {
        return Optional.ofNullable(quantization);
    }

    /// The files of the adapter that is merged into the tensors; empty if there is none.
    public Optional<AdapterFiles> adapter() {
        return Optional.ofNullable(adapter);
    }

    /// What these files say; empty if there are none.
    public Optional<LoraAdapter> lora() {
        return Optional.ofNullable(lora);
    }

    @Override
    public void close() {
        arena.close();
    }
}
