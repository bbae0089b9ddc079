package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.gguf.BlockFormat;

/// A tensor of a mapped file: row-major, little-endian, not copied.
///
/// @param file the file's name, for messages
/// @param name name in the checkpoint, `model.layers.0.mlp.up_proj.weight`
/// @param data exactly the tensor's bytes; the format promises no alignment
public record TensorView(String file, String name, DType dtype, List<Integer> shape, MemorySegment data)
        implements WeightFiles.Tensor {
    private static final int COMPARED = 1 << 16; // numbers at a time

    public long elements() {
        return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    @Override
    public String numberFormat() {
        return dtype.name();
    }

    TensorView named(String other) {
        return new TensorView(file, other, dtype, shape, data);
    }

    /// Whether `other` has the same shape and the same numbers, in whichever formats. This reads both up to the
    /// first difference.
    public boolean equalsNumbersOf(TensorView other) {
        if (!shape.equals(other.shape)) {
            return false;
        }
        boolean sameBytes = dtype == other.dtype && data.mismatch(other.data) < 0;
        if (sameBytes || (dtype == other.dtype && dtype.blocks().isEmpty())) {
            return sameBytes;
        }
        long elements = elements();
        for (long from = 0; from < elements; from += COMPARED) {
            float[] here = new float[(int) Math.min(COMPARED, elements - from)];
            float[] there = new float[here.length];
            read(from, here);
            other.read(from, there);
            if (!Arrays.equals(here, there)) {
                return false;
            }
        }
        return true;
    }

    /// Reads `to.length` numbers from element `from` on, as floats; the conversion is exact. Blocks are decoded as
    /// their format says.
    ///
    /// @param from the start of a block, where a format has blocks
    /// @param to has whole blocks of such a format
    public void read(long from, float[] to) {
        long at = dtype.bytes(from);
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
            case Q4_0, Q8_0, Q4_K, Q5_K, Q6_K -> decode(dtype.blocks().orElseThrow(), at, to);
        }
    }

    private void decode(BlockFormat blocks, long at, float[] to) {
        for (int i = 0; i < to.length; i += blocks.numbers()) {
            blocks.decode(data, at + dtype.bytes(i), to, i);
        }
    }
}
