package org.sparkqwen.engine.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.TensorPieces;
import org.sparkqwen.engine.kernels.format.Bfloat16;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.kernels.format.WeightRows;
import org.sparkqwen.engine.kernels.format.WidenedFormat;

/// Random weights for measuring speed: normal with a standard deviation of 0.02, and norms around 1. The same seed
/// gives the same weights. Numbers are drawn from a table, because billions of them are wanted in seconds.
final class RandomPieces implements TensorPieces {
    private static final int TABLE = 1 << 12;
    private static final double DEVIATION = 0.02;

    /// How many numbers are drawn into an array before they go to memory; a multiple of [#DRAWS].
    private static final int CHUNK = 1 << 12;

    /// The number of draws from 64 random bits.
    private static final int DRAWS = 4;

    private final long seed;
    private final float[] table = new float[TABLE];
    private final short[] upperHalves = new short[TABLE];

    RandomPieces(long seed) {
        this.seed = seed;
        Random random = new Random(seed);
        for (int i = 0; i < TABLE; i++) {
            int bits = Float.floatToRawIntBits((float) (DEVIATION * random.nextGaussian()));
            upperHalves[i] = (short) (bits >>> 16);
            table[i] = Bfloat16.widened(upperHalves[i]); // both formats have the same weights
        }
    }

    @Override
    public void fill(PackedTensor tensor, int piece, MemorySegment out) {
        long stream = seed + tensor.name().hashCode() + ((long) piece << 32);
        switch (tensor.form().arrangement()) {
            case PANELS -> fillPanel(stream, tensor, piece, out);
            case ROWS -> fillRows(stream, tensor, out);
            case VECTOR -> fillF32(stream, 1, out);
        }
    }

    /// Fills a panel. The last one is packed from rows, because it has zeros where there is no output.
    private void fillPanel(long stream, PackedTensor tensor, int panel, MemorySegment out) {
        WeightFormat format = tensor.form().format();
        if (tensor.outputs() - panel * Matrix.PANEL < Matrix.PANEL) {
            format.packPanel(rows(stream), tensor.outputs(), tensor.inputs(), panel, out);
            return;
        }
        switch (format) {
            case KnownFormat.F32 -> fillF32(stream, 0, out);
            case KnownFormat.BF16 -> fillBf16(stream, out);
            case KnownFormat.INT8, KnownFormat.INT4 ->
                format.packPanel(rows(stream), tensor.outputs(), tensor.inputs(), panel, out);
            case WidenedFormat other -> other.packPanel(rows(stream), tensor.outputs(), tensor.inputs(), panel, out);
        }
    }

    private void fillRows(long stream, PackedTensor tensor, MemorySegment out) {
        switch (tensor.form().format()) {
            case KnownFormat.F32 -> fillF32(stream, 0, out);
            case KnownFormat.BF16 -> fillBf16(stream, out);
            case KnownFormat.INT8, KnownFormat.INT4 -> packRows(stream, tensor, out);
            case WidenedFormat _ -> packRows(stream, tensor, out);
        }
    }

    private void packRows(long stream, PackedTensor tensor, MemorySegment out) {
        WeightFormat format = tensor.form().format();
        long bytes = format.rowBytes(tensor.inputs());
        for (int row = 0; row < out.byteSize() / bytes; row++) {
            format.packRow(rows(stream), row, tensor.inputs(), out.asSlice(row * bytes, bytes));
        }
    }

    private WeightRows rows(long stream) {
        return (output, row) -> {
            for (int i = 0; i < row.length; i++) {
                row[i] = table[draw(random(stream, (long) output * row.length + i), 0)];
            }
        };
    }

    private void fillBf16(long stream, MemorySegment out) {
        short[] chunk = new short[CHUNK];
        long count = out.byteSize() / Short.BYTES;
        for (long from = 0; from < count; from += CHUNK) {
            for (int i = 0; i < CHUNK; i += DRAWS) {
                long bits = random(stream, from + i);
                chunk[i] = upperHalves[draw(bits, 0)];
                chunk[i + 1] = upperHalves[draw(bits, 1)];
                chunk[i + 2] = upperHalves[draw(bits, 2)];
                chunk[i + 3] = upperHalves[draw(bits, 3)];
            }
            MemorySegment.copy(chunk, 0, out, JAVA_SHORT, from * Short.BYTES, (int) Math.min(CHUNK, count - from));
        }
    }

    private void fillF32(long stream, float mean, MemorySegment out) {
        float[] chunk = new float[CHUNK];
        long count = out.byteSize() / Float.BYTES;
        for (long from = 0; from < count; from += CHUNK) {
            for (int i = 0; i < CHUNK; i += DRAWS) {
                long bits = random(stream, from + i);
                chunk[i] = mean + table[draw(bits, 0)];
                chunk[i + 1] = mean + table[draw(bits, 1)];
                chunk[i + 2] = mean + table[draw(bits, 2)];
                chunk[i + 3] = mean + table[draw(bits, 3)];
            }
            MemorySegment.copy(chunk, 0, out, JAVA_FLOAT, from * Float.BYTES, (int) Math.min(CHUNK, count - from));
        }
    }

    private static int draw(long bits, int which) {
        return (int) (bits >>> (which * Long.SIZE / DRAWS)) & (TABLE - 1);
    }

    /// Computes a number of SplitMix64, see <https://doi.org/10.1145/2660193.2660195>.
    private static long random(long stream, long index) {
        long state = (stream + index + 1) * 0x9e3779b97f4a7c15L;
        long mixed = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
        return mixed ^ (mixed >>> 31);
    }
}
