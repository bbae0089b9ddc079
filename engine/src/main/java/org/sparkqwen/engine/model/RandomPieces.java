package org.sparkqwen.engine.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.TensorPieces;
import org.sparkqwen.engine.kernels.Matrix;

/// Weights that nobody trained, for measuring speed: normal with a standard deviation of 0.02, norms around 1. The same
/// seed gives the same weights. Numbers are drawn from a table, for billions of them are wanted in seconds.
final class RandomPieces implements TensorPieces {
    private static final int TABLE = 1 << 12;
    private static final double DEVIATION = 0.02;

    private final long seed;
    private final float[] table = new float[TABLE];

    RandomPieces(long seed) {
        this.seed = seed;
        Random random = new Random(seed);
        for (int i = 0; i < TABLE; i++) {
            // What bfloat16 can hold, so that both formats have the same weights.
            int bits = Float.floatToRawIntBits((float) (DEVIATION * random.nextGaussian()));
            table[i] = Float.intBitsToFloat(bits & 0xffff_0000);
        }
    }

    @Override
    public void fill(PackedTensor tensor, int piece, MemorySegment out) {
        Stream stream = new Stream(seed + tensor.name().hashCode() + ((long) piece << 32));
        int elements = Math.toIntExact(out.byteSize() / tensor.form().dtype().bytes());
        switch (tensor.form()) {
            case PANELS_BF16, ROWS_BF16 -> {
                for (int i = 0; i < elements; i++) {
                    out.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(table[stream.next()]) >>> 16));
                }
            }
            case PANELS_F32, ROWS_F32 -> {
                for (int i = 0; i < elements; i++) {
                    out.setAtIndex(JAVA_FLOAT, i, table[stream.next()]);
                }
            }
            case VECTOR_F32 -> {
                for (int i = 0; i < elements; i++) {
                    out.setAtIndex(JAVA_FLOAT, i, 1 + table[stream.next()]);
                }
            }
        }
        clearPastLastOutput(tensor, piece, out);
    }

    private static void clearPastLastOutput(PackedTensor tensor, int piece, MemorySegment out) {
        switch (tensor.form()) {
            case PANELS_BF16, PANELS_F32 -> {
                int used = Math.min(Matrix.PANEL, tensor.outputs() - piece * Matrix.PANEL);
                long element = tensor.form().dtype().bytes();
                for (long input = 0; input < tensor.inputs(); input++) {
                    long at = (input * Matrix.PANEL + used) * element;
                    out.asSlice(at, (Matrix.PANEL - used) * element).fill((byte) 0);
                }
            }
            case ROWS_BF16, ROWS_F32, VECTOR_F32 -> {}
        }
    }

    /// SplitMix64, see <https://doi.org/10.1145/2660193.2660195>, of which every number serves for several draws.
    private static final class Stream {
        private static final int DRAW_BITS = 12;
        private static final int DRAWS = 5;

        private long state;
        private long bits;
        private int left;

        Stream(long seed) {
            state = seed;
        }

        /// An index of the table.
        int next() {
            if (left == 0) {
                state += 0x9e3779b97f4a7c15L;
                long mixed = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9L;
                mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
                bits = mixed ^ (mixed >>> 31);
                left = DRAWS;
            }
            left--;
            int draw = (int) (bits & (TABLE - 1));
            bits >>>= DRAW_BITS;
            return draw;
        }
    }
}
