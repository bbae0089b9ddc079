package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.Matrix;
import org.sparkqwen.engine.kernels.Panels;

/// Packs a checkpoint that has all tensors of the layout. bfloat16 stays as it is; F16 and F32 become float32.
record CheckpointPieces(Checkpoint checkpoint) implements TensorPieces {

    @Override
    public void fill(PackedTensor tensor, int piece, MemorySegment out) {
        TensorView view = checkpoint.find(tensor.name()).orElseThrow();
        int inputs = tensor.inputs();
        long first = (long) piece * Matrix.PANEL * inputs;
        switch (tensor.form()) {
            case PANELS_BF16 -> Panels.fillBf16(view.data(), tensor.outputs(), inputs, piece, out);
            case PANELS_F32 ->
                Panels.fillF32(
                        (output, row) -> view.read((long) output * inputs, row), tensor.outputs(), inputs, piece, out);
            case ROWS_BF16 -> MemorySegment.copy(view.data(), first * Short.BYTES, out, 0, out.byteSize());
            case ROWS_F32, VECTOR_F32 -> {
                float[] values = new float[Math.toIntExact(out.byteSize() / Float.BYTES)];
                view.read(first, values);
                MemorySegment.copy(values, 0, out, JAVA_FLOAT_UNALIGNED, 0, values.length);
            }
        }
    }
}
