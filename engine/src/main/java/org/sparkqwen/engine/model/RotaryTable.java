package org.sparkqwen.engine.model;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import org.sparkqwen.engine.kernels.Buffers;

/// Cosines and sines of every position's rotary angles, `[positions, headDim / 2]`, computed as far as positions are
/// used. Frequencies and angles are float32, as in transformers. Position 600 rotates the fastest pair by 600 radians,
/// so another rounding of the angle would show.
final class RotaryTable implements AutoCloseable {
    private static final int FIRST_POSITIONS = 1024;

    private final float[] frequencies;
    private final float scale;
    private final Supplier<Buffers> memory;
    private Buffers buffers;
    private MemorySegment cosines = MemorySegment.NULL;
    private MemorySegment sines = MemorySegment.NULL;
    private int positions;

    /// @param memory makes the kernels' memory: [org.sparkqwen.engine.kernels.Kernels#newBuffers]
    RotaryTable(Rope rope, int headDim, Supplier<Buffers> memory) {
        this.memory = memory;
        buffers = memory.get();
        frequencies = frequencies(rope, headDim);
        scale = switch (rope) {
            case Rope.Plain plain -> 1f;
            case Rope.Yarn yarn -> (float) yarn.attentionFactor();
        };
    }

    /// The most bytes of a table that was last enlarged for `count` positions.
    static long bytes(int count, int headDim) {
        return (long) Math.max(FIRST_POSITIONS, 2 * count) * headDim * Float.BYTES;
    }

    /// Makes sure that the table has positions 0 to `count - 1`.
    void reserve(int count) {
        if (count <= positions) {
            return;
        }
        int half = frequencies.length;
        positions = Math.max(count, Math.max(FIRST_POSITIONS, 2 * positions));
        buffers.close();
        buffers = memory.get();
        cosines = buffers.allocateFloats((long) positions * half);
        sines = buffers.allocateFloats((long) positions * half);
        float[] cos = new float[half];
        float[] sin = new float[half];
        long rowBytes = (long) half * Float.BYTES;
        for (int position = 0; position < positions; position++) {
            for (int i = 0; i < half; i++) {
                float angle = position * frequencies[i];
                cos[i] = (float) StrictMath.cos(angle) * scale;
                sin[i] = (float) StrictMath.sin(angle) * scale;
            }
            buffers.write(cos, half, cosines.asSlice(position * rowBytes, rowBytes));
            buffers.write(sin, half, sines.asSlice(position * rowBytes, rowBytes));
        }
    }

    MemorySegment cosines() {
        return cosines;
    }

    MemorySegment sines() {
        return sines;
    }

    /// The radians by which a position rotates each pair: theta^(−2i / headDim), changed by YaRN.
    static float[] frequencies(Rope rope, int headDim) {
        int half = headDim / 2;
        float[] frequencies = new float[half];
        for (int i = 0; i < half; i++) {
            float power = (float) StrictMath.pow(rope.theta(), 2f * i / headDim);
            frequencies[i] = switch (rope) {
                case Rope.Plain plain -> 1f / power;
                case Rope.Yarn yarn -> {
                    float trained = 1f / power;
                    float interpolated = 1f / ((float) yarn.factor() * power);
                    float kept = 1f - ramp(yarn, headDim, i);
                    yield interpolated * (1f - kept) + trained * kept;
                }
            };
        }
        return frequencies;
    }

    /// The share of interpolation of a pair: 0 if it turns more than `betaFast` times within the trained context, 1
    /// if it turns less than `betaSlow` times, linear in the pair's index between.
    private static float ramp(Rope.Yarn yarn, int headDim, int pair) {
        double fast = pairThatTurns(yarn, headDim, yarn.betaFast());
        double slow = pairThatTurns(yarn, headDim, yarn.betaSlow());
        double low = Math.max(yarn.truncate() ? Math.floor(fast) : fast, 0);
        double high = Math.min(yarn.truncate() ? Math.ceil(slow) : slow, headDim - 1.0);
        double width = low == high ? 0.001 : high - low;
        return Math.clamp((pair - (float) low) / (float) width, 0f, 1f);
    }

    /// The index, not rounded, of the pair that turns `times` times within the trained context.
    private static double pairThatTurns(Rope.Yarn yarn, int headDim, double times) {
        return headDim
                * StrictMath.log(yarn.originalPositions() / (times * 2 * Math.PI))
                / (2 * StrictMath.log(yarn.theta()));
    }

    @Override
    public void close() {
        buffers.close();
    }
}
