package org.sparkqwen.engine.kernels.format;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/// An embedding in rows, `[outputs][inputs]`, that no head shares.
///
/// @param rows native memory of at least `outputs · format.rowBytes(inputs)` bytes
public record RowTable(WeightFormat format, int outputs, int inputs, MemorySegment rows) implements EmbeddingTable {
    /// @throws IndexOutOfBoundsException if `rows` is too short for the rows of the format
    /// @throws IllegalArgumentException if `rows` lies on the Java heap
    public RowTable {
        Memory.addressOfBytes(rows, Math.multiplyExact(outputs, format.rowBytes(inputs)));
    }

    @Override
    public void read(int token, long to) {
        Objects.checkIndex(token, outputs);
        long row = rows.address() + token * format.rowBytes(inputs);
        for (int input = 0; input < inputs; input++) {
            Memory.setFloat(to + (long) input * Float.BYTES, format.ofRow(row, inputs, input));
        }
    }
}
