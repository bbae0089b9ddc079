package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// What the benchmarks compute with: numbers from −0.5 to 0.5, always the same.
final class Operands {
    private final Arena arena;
    private final Random random = new Random(1);

    Operands(Arena arena) {
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
        long elements = Matrix.packedElements(outputs, inputs);
        MemorySegment panels = arena.allocate(elements * Short.BYTES, 64);
        for (long i = 0; i < elements; i++) {
            panels.setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(next()) >>> 16));
        }
        return new Bf16Matrix(outputs, inputs, panels);
    }

    private float next() {
        return random.nextFloat() - 0.5f;
    }
}
