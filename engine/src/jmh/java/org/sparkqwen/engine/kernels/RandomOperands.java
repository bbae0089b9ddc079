package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// What the benchmarks compute with: numbers from −0.5 to 0.5, always the same.
final class RandomOperands {
    private final Arena arena;
    private final Random random = new Random(1);

    RandomOperands(Arena arena) {
        this.arena = arena;
    }

    MemorySegment floats(long count) {
        MemorySegment segment = arena.allocate(JAVA_FLOAT, count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(JAVA_FLOAT, i, next());
        }
        return segment;
    }

    Matrix bf16(int outputs, int inputs) {
        MemorySegment panels = arena.allocate(Matrix.bytes(KnownFormat.BF16, outputs, inputs), 64);
        for (long i = 0; i < panels.byteSize() / Short.BYTES; i++) {
            panels.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(next()) >>> 16));
        }
        return new Matrix(KnownFormat.BF16, outputs, inputs, panels);
    }

    private float next() {
        return random.nextFloat() - 0.5f;
    }
}
