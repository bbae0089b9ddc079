package org.sparkqwen.engine.model;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedMemory;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.PackedTensors;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.PackingLog;
import org.sparkqwen.engine.checkpoint.PackingPlan;
import org.sparkqwen.engine.checkpoint.StreamedFile;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.hostcache.PackedCache;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.RowTable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A model's weights in the form that the kernels read, off-heap: mapped from a packed file, or packed into memory.
///
/// Nothing is read when they are opened. The numbers of a layer, of an expert, of the embedding and of the head are
/// checked when they are first requested, before anything is computed from them. What is requested stays in memory
/// until something else is requested. If a file is larger than memory, [WeightStream] reads it along.
public final class Weights implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Weights.class);

    private final ModelConfig config;
    private final PackedTensors tensors;
    private final Buffers buffers;
    private final Map<String, MemorySegment> operands = new HashMap<>();
    private final EmbeddingTable embedding;
    private final FirstUse embeddingUse;
    private final List<Layer> layers;
    private final List<FirstUse> layerUses;
    private final MemorySegment finalNorm;
    private final FirstUse finalNormUse;
    private final @Nullable Matrix head; // null if the model has none
    private final FirstUse headUse;
    private final StreamingPlan plan;
    private final @Nullable WeightStream stream; // of a file
    private final List<List<MemorySegment>> streamedOperands; // of each part, those that are read for each batch

    /// @param packed all tensors that the plan of `config` calls for; closed with this
    /// @param memory bytes that weights may take
    /// @param buffers makes the tensors' numbers operands of the kernels; closed with this
    Weights(ModelConfig config, PackedTensors packed, long memory, Buffers buffers) {
        this.config = config;
        this.buffers = buffers;
        TensorPlan planned = TensorPlan.of(config);
        plan = StreamingPlan.of(planned, packed.layout(), memory);
        @Nullable
        StreamedFile streamed = packed instanceof PackedFile file ? new StreamedFile(file, plan.ranges()) : null;
        tensors = streamed == null ? packed : streamed;
        PackedTensor vectors = tensor(planned.embedding());
        embedding = embeddingTable(planned.embedding());
        embeddingUse = firstUse(List.of(vectors));
        layers = planned.layers().stream().map(this::readLayer).toList();
        layerUses = planned.layers().stream()
                .map(layer ->
                        firstUse(layer.ofEveryToken().stream().map(this::tensor).toList()))
                .toList();
        finalNorm = vector(planned.finalNorm());
        finalNormUse = firstUse(List.of(tensor(planned.finalNorm())));
        head = planned.isHeadless() ? null : matrix(planned.head());
        headUse = planned.hasSeparateHead() ? firstUse(List.of(tensor(planned.head()))) : embeddingUse;
        stream = streamed == null ? null : WeightStream.start(plan, streamed);
        streamedOperands = plan.parts().stream().map(this::streamedOperands).toList();
    }

    /// Opens the weights of a model: its packed file, or the packed file of its safetensors or its GGUF in the
    /// cache, which is made if it does not exist. If it cannot be made, the weights are packed into memory, and a
    /// warning says why.
    ///
    /// @param encoding the encoding in which published weights are packed
    /// @param adapter a directory with an adapter that is merged into published weights; null for none
    /// @param cache a directory; null to pack into memory
    /// @param memory bytes that weights may take; if they are larger, each batch reads the rest from the disk
    /// @param buffers makes the weights operands of the kernels; closed with the weights
    /// @throws InvalidModelException naming the tensors that are missing, misshapen or surplus, or a damaged file
    public static Weights open(
            Path model,
            ModelConfig config,
            WeightEncoding encoding,
            @Nullable Path adapter,
            @Nullable Path cache,
            long memory,
            Buffers buffers) {
        return switch (WeightFiles.open(model, config.family().names(), adapter)) {
            case PackedFile packed -> {
                try {
                    WeightEncoding.of(packed, encoding);
                    ModelConfig whole = config.with(packed);
                    TensorPlan.of(whole).refuseDifferences(packed);
                    yield new Weights(whole, packed, memory, buffers);
                } catch (RuntimeException e) {
                    packed.close();
                    throw e;
                }
            }
            case Checkpoint checkpoint -> {
                try (checkpoint) {
                    ModelConfig whole = config.with(checkpoint);
                    TensorPlan plan = TensorPlan.of(whole);
                    plan.refuseDifferences(checkpoint);
                    PackedTensors packed = pack(checkpoint, plan.layout(checkpoint, encoding), cache);
                    yield new Weights(whole, packed, memory, buffers);
                }
            }
        };
    }

    private static PackedTensors pack(Checkpoint checkpoint, PackedLayout layout, @Nullable Path cache) {
        if (cache != null) {
            try {
                PackingPlan plan = PackingPlan.of(checkpoint, layout, cache);
                PackingLog log = new PackingLog(checkpoint.model());
                return new PackedCache(cache).open(plan, log).file();
            } catch (PackingException e) {
                LOG.warn("{}; packing the weights into memory, for this process alone", Quote.line(e.getMessage()));
            }
        }
        return PackedMemory.pack(checkpoint, layout);
    }

    /// Makes random weights in memory, for measuring speed.
    ///
    /// @param dtype BF16 or F32: the format of the matrices that are not encoded
    /// @param seed the same seed gives the same weights
    /// @param buffers makes the weights operands of the kernels; closed with the weights
    public static Weights random(ModelConfig config, DType dtype, WeightEncoding encoding, long seed, Buffers buffers) {
        PackedLayout layout = TensorPlan.of(config).layout(dtype, encoding);
        return new Weights(config, PackedMemory.fill(layout, new RandomPieces(seed)), Long.MAX_VALUE, buffers);
    }

    /// The bytes of the packed weights of `config`.
    ///
    /// @param dtype the checkpoint's number format
    public static long packedBytes(ModelConfig config, DType dtype, WeightEncoding encoding) {
        return layout(config, dtype, encoding).bytes();
    }

    /// The layout of the packed weights of `config`.
    ///
    /// @param dtype the checkpoint's number format
    public static PackedLayout layout(ModelConfig config, DType dtype, WeightEncoding encoding) {
        return TensorPlan.of(config).layout(dtype, encoding);
    }

    /// The layout in which the weights of `files` are, or would be packed.
    ///
    /// @param config the configuration, all of whose tensors the files have
    /// @param encoding the encoding in which published weights are packed
    public static PackedLayout layout(ModelConfig config, WeightFiles files, WeightEncoding encoding) {
        return switch (files) {
            case PackedFile packed -> packed.layout();
            case Checkpoint checkpoint -> TensorPlan.of(config).layout(checkpoint, encoding);
        };
    }

    /// The plan of which packed weights of `config` would stay in memory, and which each batch would read.
    ///
    /// @param layout has all tensors of `config`
    /// @param memory bytes that weights may take
    public static StreamingPlan streamingPlan(ModelConfig config, PackedLayout layout, long memory) {
        return StreamingPlan.of(TensorPlan.of(config), layout, memory);
    }

    private Layer readLayer(LayerTensors layer) {
        return new Layer(
                vector(layer.inputNorm()),
                input(layer.query()),
                input(layer.key()),
                input(layer.value()),
                matrix(layer.output()),
                vector(layer.postAttentionNorm()),
                switch (layer.feedForward()) {
                    case LayerTensors.Dense dense -> dense(dense);
                    case LayerTensors.Mixture mixture -> mixture(mixture);
                });
    }

    private Layer.Input input(LayerTensors.Input input) {
        return new Layer.Input(
                matrix(input.weight()),
                input.bias().map(this::vector).orElse(null),
                input.norm().map(this::vector).orElse(null));
    }

    private FeedForward.Dense dense(LayerTensors.Dense dense) {
        return new FeedForward.Dense(matrix(dense.gate()), matrix(dense.up()), matrix(dense.down()));
    }

    private FeedForward.Mixture mixture(LayerTensors.Mixture mixture) {
        List<FeedForward.Expert> experts = mixture.experts().stream()
                .map(expert -> new FeedForward.Expert(
                        dense(expert),
                        firstUse(expert.all().stream().map(this::tensor).toList())))
                .toList();
        return new FeedForward.Mixture(mixture.shape(), matrix(mixture.router()), experts);
    }

    private PackedTensor tensor(PlannedTensor planned) {
        return tensors.layout().find(planned.name()).orElseThrow();
    }

    private MemorySegment vector(PlannedTensor planned) {
        return operand(tensor(planned));
    }

    /// The tensor's numbers, as an operand of the kernels.
    private MemorySegment operand(PackedTensor tensor) {
        return operands.computeIfAbsent(tensor.name(), _ -> buffers.adopt(tensors.data(tensor)));
    }

    private List<MemorySegment> streamedOperands(StreamingPlan.Part part) {
        return tensors.layout().tensors().stream()
                .filter(tensor -> tensor.offset() >= part.kept() && tensor.offset() < part.to())
                .flatMap(tensor -> Stream.ofNullable(operands.get(tensor.name())))
                .toList();
    }

    private EmbeddingTable embeddingTable(PlannedTensor planned) {
        PackedTensor tensor = tensor(planned);
        return switch (tensor.form().arrangement()) {
            case PANELS -> matrix(planned);
            case ROWS -> new RowTable(tensor.form().format(), tensor.outputs(), tensor.inputs(), operand(tensor));
            case VECTOR -> throw new IllegalStateException("a vector is no embedding");
        };
    }

    private Matrix matrix(PlannedTensor planned) {
        PackedTensor tensor = tensor(planned);
        return switch (tensor.form().arrangement()) {
            case PANELS -> new Matrix(tensor.form().format(), tensor.outputs(), tensor.inputs(), operand(tensor));
            case ROWS, VECTOR ->
                throw new IllegalStateException("%s is not packed into panels".formatted(tensor.name()));
        };
    }

    private FirstUse firstUse(List<PackedTensor> used) {
        return new FirstUse(() -> used.parallelStream().forEach(tensors::check));
    }

    /// The model's configuration, with the head that the weights have.
    public ModelConfig config() {
        return config;
    }

    /// The encoding of the matrices.
    public WeightEncoding encoding() {
        return WeightEncoding.of(tensors.layout());
    }

    /// The layout of the packed weights.
    public PackedLayout layout() {
        return tensors.layout();
    }

    /// The plan of which weights stay in memory and which each batch reads; absent if the weights are not in a
    /// file.
    public Optional<StreamingPlan> streaming() {
        return stream == null ? Optional.empty() : Optional.of(plan);
    }

    /// Waits until a part of the plan is in memory.
    private void use(int part) {
        if (stream != null) {
            stream.use(part);
            for (MemorySegment operand : streamedOperands.get(part)) {
                buffers.refresh(operand);
            }
        }
    }

    EmbeddingTable embedding() {
        use(0);
        embeddingUse.check();
        return embedding;
    }

    /// The weights of layer `i`. The experts of a layer check themselves.
    Layer layer(int i) {
        use(i + 1);
        layerUses.get(i).check();
        return layers.get(i);
    }

    MemorySegment finalNorm() {
        finalNormUse.check();
        return finalNorm;
    }

    /// The weight of the vocabulary head, `[vocabulary, hidden]`.
    ///
    /// @throws IllegalStateException if the model has none
    Matrix head() {
        if (head == null) {
            throw new IllegalStateException("the model has no head, so it predicts no tokens");
        }
        use(headUse == embeddingUse ? 0 : layers.size() + 1);
        headUse.check();
        return head;
    }

    @Override
    public void close() {
        if (stream != null) {
            stream.close();
        }
        buffers.close();
        tensors.close();
    }
}
