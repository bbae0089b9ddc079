package org.sparkqwen.engine.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.TensorView;
import org.sparkqwen.engine.kernels.Bf16Matrix;
import org.sparkqwen.engine.kernels.F32Matrix;
import org.sparkqwen.engine.kernels.Matrix;

/// A checkpoint's weights in the form in which the kernels read them, off-heap; the embedding stays in the mapped file.
public final class Weights implements AutoCloseable {
    private static final int SHOWN_DIFFERENCES = 5;

    private final Arena arena;
    private final TensorView embedding;
    private final List<Layer> layers;
    private final MemorySegment finalNorm;
    private final Matrix head;

    /// Packs every weight of `checkpoint`, which must stay open as long as this.
    ///
    /// @throws InvalidModelException naming the tensors that are missing, misshapen or surplus
    public Weights(ModelConfig config, Checkpoint checkpoint) {
        List<String> differences = TensorPlan.of(config).differences(checkpoint);
        if (!differences.isEmpty()) {
            int more = differences.size() - SHOWN_DIFFERENCES;
            throw new InvalidModelException("%s: %s%s"
                    .formatted(
                            checkpoint.directory(),
                            differences.stream().limit(SHOWN_DIFFERENCES).collect(Collectors.joining("; ")),
                            more > 0 ? "; and %d more such".formatted(more) : ""));
        }
        arena = Arena.ofShared();
        embedding = tensor(checkpoint, TensorPlan.EMBEDDING);
        layers = IntStream.range(0, config.layers())
                .parallel()
                .mapToObj(i -> layer(checkpoint, i))
                .toList();
        finalNorm = floats(tensor(checkpoint, TensorPlan.FINAL_NORM));
        head = pack(config.tiedEmbeddings() ? embedding : tensor(checkpoint, TensorPlan.HEAD));
    }

    private Layer layer(Checkpoint checkpoint, int i) {
        return new Layer(
                floats(part(checkpoint, i, "input_layernorm")),
                pack(part(checkpoint, i, "self_attn.q_proj")),
                pack(part(checkpoint, i, "self_attn.k_proj")),
                pack(part(checkpoint, i, "self_attn.v_proj")),
                floats(part(checkpoint, i, "self_attn.q_norm")),
                floats(part(checkpoint, i, "self_attn.k_norm")),
                pack(part(checkpoint, i, "self_attn.o_proj")),
                floats(part(checkpoint, i, "post_attention_layernorm")),
                new FeedForward.Dense(
                        pack(part(checkpoint, i, "mlp.gate_proj")),
                        pack(part(checkpoint, i, "mlp.up_proj")),
                        pack(part(checkpoint, i, "mlp.down_proj"))));
    }

    private static TensorView part(Checkpoint checkpoint, int layer, String part) {
        return tensor(checkpoint, TensorPlan.layer(layer, part));
    }

    private static TensorView tensor(Checkpoint checkpoint, String name) {
        return checkpoint.find(name).orElseThrow();
    }

    private Matrix pack(TensorView tensor) {
        int outputs = tensor.shape().get(0);
        int inputs = tensor.shape().get(1);
        return switch (tensor.dtype()) {
            case BF16 -> Bf16Matrix.pack(tensor.data(), outputs, inputs, arena);
            case F16, F32 ->
                F32Matrix.pack((output, row) -> tensor.read((long) output * inputs, row), outputs, inputs, arena);
        };
    }

    private MemorySegment floats(TensorView tensor) {
        float[] values = new float[Math.toIntExact(tensor.elements())];
        tensor.read(0, values);
        return arena.allocateFrom(JAVA_FLOAT, values);
    }

    /// Bytes that the packed weights of `config` take beside the mapped checkpoint.
    public static long packedBytes(ModelConfig config, DType dtype) {
        int element = dtype == DType.BF16 ? Short.BYTES : Float.BYTES;
        TensorPlan plan = TensorPlan.of(config);
        long bytes = 0;
        for (var tensor : plan.shapes().entrySet()) {
            List<Integer> shape = tensor.getValue();
            if (shape.size() == 1) {
                bytes += (long) shape.getFirst() * Float.BYTES;
            } else if (!tensor.getKey().equals(TensorPlan.EMBEDDING) || config.tiedEmbeddings()) {
                bytes += Matrix.packedElements(shape.get(0), shape.get(1)) * element;
            }
        }
        return bytes;
    }

    /// Writes the embeddings of `tokens` to `out`, `[tokens, hidden]`.
    void embed(int[] tokens, MemorySegment out) {
        int hidden = embedding.shape().get(1);
        float[] row = new float[hidden];
        for (int i = 0; i < tokens.length; i++) {
            embedding.read((long) tokens[i] * hidden, row);
            MemorySegment.copy(row, 0, out, JAVA_FLOAT, (long) i * hidden * Float.BYTES, hidden);
        }
    }

    List<Layer> layers() {
        return layers;
    }

    MemorySegment finalNorm() {
        return finalNorm;
    }

    /// `[vocabulary, hidden]`
    Matrix head() {
        return head;
    }

    @Override
    public void close() {
        arena.close();
    }
}
