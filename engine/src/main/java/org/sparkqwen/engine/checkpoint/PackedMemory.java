package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/// Tensors packed into memory, for this process alone.
public final class PackedMemory implements PackedTensors {
    private static final int VECTOR_BYTES = 64;

    private final Arena arena;
    private final PackedLayout layout;
    private final Map<String, MemorySegment> data;

    private PackedMemory(Arena arena, PackedLayout layout, Map<String, MemorySegment> data) {
        this.arena = arena;
        this.layout = layout;
        this.data = data;
    }

    /// Packs `checkpoint`, which has all tensors of `layout`.
    public static PackedMemory pack(Checkpoint checkpoint, PackedLayout layout) {
        return fill(layout, new CheckpointPieces(checkpoint, layout));
    }

    /// Allocates memory for all tensors of `layout` and fills it, with all processors.
    public static PackedMemory fill(PackedLayout layout, TensorPieces pieces) {
        Arena arena = Arena.ofShared();
        try {
            Map<String, MemorySegment> data = layout.tensors().parallelStream()
                    .collect(Collectors.toConcurrentMap(PackedTensor::name, tensor -> fill(tensor, pieces, arena)));
            return new PackedMemory(arena, layout, data);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    private static MemorySegment fill(PackedTensor tensor, TensorPieces pieces, Arena arena) {
        MemorySegment data = arena.allocate(tensor.bytes(), VECTOR_BYTES);
        for (int piece = 0; piece < tensor.pieces(); piece++) {
            pieces.fill(tensor, piece, data.asSlice(piece * tensor.pieceBytes(), tensor.pieceBytes(piece)));
        }
        return data;
    }

    @Override
    public PackedLayout layout() {
        return layout;
    }

    @Override
    public MemorySegment data(PackedTensor tensor) {
        return Objects.requireNonNull(data.get(tensor.name()));
    }

    /// Does nothing, because this process packed the tensor itself.
    @Override
    public void check(PackedTensor tensor) {}

    @Override
    public void close() {
        arena.close();
    }
}
