package org.sparkqwen.engine.kernels.measure;

import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;

import jdk.incubator.vector.FloatVector;

/// Adds up numbers in memory, which takes as long as reading them. It is apart from [MachinePeak], so that nobody who
/// asks that class what it can do needs the vector module.
final class MemorySum {
    private MemorySum() {}

    /// @param bytes a multiple of four vectors
    static float of(long address, int bytes) {
        FloatVector a = FloatVector.zero(FLOATS);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int step = FLOATS.vectorByteSize();
        for (int offset = 0; offset < bytes; offset += 4 * step) {
            long at = address + offset;
            a = a.add(load(at));
            b = b.add(load(at + step));
            c = c.add(load(at + 2L * step));
            d = d.add(load(at + 3L * step));
        }
        return a.add(b).add(c.add(d)).lane(0);
    }
}
