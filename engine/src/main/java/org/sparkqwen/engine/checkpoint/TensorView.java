package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A tensor of a mapped file: row-major, little-endian, not copied.
///
/// @param file the file's name, for messages
/// @param name as in the checkpoint, `model.layers.0.mlp.up_proj.weight`
/// @param data exactly the tensor's bytes; the format promises no alignment
public record TensorView(String file, String name, DType dtype, List<Integer> shape, MemorySegment data)
        implements WeightFiles.Tensor {

    public long elements() {
        return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    /// Reads `to.length` numbers from element `from` on, as floats; the conversion is exact.
    public void read(long from, float[] to) {
        long at = from * dtype.bytes();
        switch (dtype) {
            case F32 -> MemorySegment.copy(data, JAVA_FLOAT_UNALIGNED, at, to, 0, to.length);
            case BF16 -> {
                for (int i = 0; i < to.length; i++) {
                    to[i] = Float.intBitsToFloat(data.get(JAVA_SHORT_UNALIGNED, at + 2L * i) << 16);
                }
            }
            case F16 -> {
                for (int i = 0; i < to.length; i++) {
                    to[i] = Float.float16ToFloat(data.get(JAVA_SHORT_UNALIGNED, at + 2L * i));
                }
            }
        }
    }
}
