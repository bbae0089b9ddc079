package org.sparkqwen.engine.checkpoint;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.sparkqwen.engine.gguf.BlockFormat;
import org.sparkqwen.engine.gguf.ScaledBlocks;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;
import org.sparkqwen.engine.quantized.StoredTensor;

/// A tensor of a mapped file: row-major, little-endian, not copied.
///
/// @param file the file's name, for messages
/// @param name name in the checkpoint, `model.layers.0.mlp.up_proj.weight`
/// @param data exactly the tensor's bytes; the format promises no alignment
record TensorView(String file, String name, DType dtype, List<Integer> shape, MemorySegment data)
        implements CheckpointTensor {

    /// The view of a tensor of safetensors.
    ///
    /// @param stored in a type that can be a weight by itself
    static TensorView of(StoredTensor stored) {
        return new TensorView(
                String.valueOf(stored.path().getFileName()),
                stored.name(),
                DType.of(stored.type()).orElseThrow(),
                stored.shape(),
                stored.data());
    }

    @Override
    public boolean equalsNumbersOf(CheckpointTensor other) {
        if (other instanceof TensorView view && dtype == view.dtype && shape.equals(view.shape)) {
            boolean sameBytes = data.mismatch(view.data) < 0;
            if (sameBytes || dtype.blocks().isEmpty()) {
                return sameBytes;
            }
        }
        return CheckpointTensor.super.equalsNumbersOf(other);
    }

    /// Reads `to.length` numbers from element `from` on, as floats; the conversion is exact. Blocks are decoded as
    /// their format says.
    ///
    /// @param from the start of a block, where a format has blocks
    /// @param to has whole blocks of such a format
    @Override
    public void read(long from, float[] to) {
        long at = dtype.bytes(from);
        switch (dtype) {
            case F32 -> MemorySegment.copy(data, JAVA_FLOAT_UNALIGNED, at, to, 0, to.length);
            case BF16 -> {
                for (int i = 0; i < to.length; i++) {
                    to[i] = Bfloat16.widened(data.get(JAVA_SHORT_UNALIGNED, at + 2L * i));
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

    @Override
    public Optional<IntegerLayout> integers() {
        return shape.size() == 2 ? dtype.integers() : Optional.empty();
    }

    @Override
    public ScaledIntegers integers(int first, int count) {
        if (!(dtype.blocks().orElse(null) instanceof ScaledBlocks blocks)) {
            throw new IllegalStateException("%s has no integers with scales".formatted(dtype));
        }
        return new BlockIntegers(this, blocks);
    }

    /// The integers and scales of blocks.
    private record BlockIntegers(TensorView view, ScaledBlocks blocks) implements ScaledIntegers {
        @Override
        public void read(int output, byte[] integers) {
            float[] block = new float[blocks.numbers()];
            for (int input = 0; input < integers.length; input += block.length) {
                blocks.integers(view.data, block(output, input), block, 0);
                for (int i = 0; i < block.length; i++) {
                    integers[input + i] = (byte) block[i];
                }
            }
        }

        @Override
        public float scale(int output, int input) {
            return blocks.scale(view.data, block(output, input));
        }

        /// The position of the block that has an input.
        private long block(int output, int input) {
            long number = (long) output * view.shape.getLast() + input;
            return number / blocks.numbers() * blocks.bytes();
        }
    }

    private void decode(BlockFormat blocks, long at, float[] to) {
        for (int i = 0; i < to.length; i += blocks.numbers()) {
            blocks.decode(data, at + dtype.bytes(i), to, i);
        }
    }
}
