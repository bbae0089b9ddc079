package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.Memory;

/// Copies rows that are chosen by index: vectors of tokens, and rows of a batch. There is no arithmetic in it, so the
/// same code serves all kernels.
final class Lookup {
    /// The number of floats that a thread copies at a time.
    private static final int GRAIN = 1 << 14;

    private Lookup() {}

    /// Computes [Kernels#embed] on all threads. A token is a part of its own, because its numbers may lie far
    /// apart.
    static void embed(ThreadTeam team, EmbeddingTable table, int[] tokens, MemorySegment out) {
        Operands.embed(table, tokens, out);
        long address = out.address();
        long rowBytes = (long) table.inputs() * Float.BYTES;
        team.run(tokens.length, (row, worker) -> table.read(tokens[row], address + row * rowBytes));
    }

    /// Computes [Kernels#gatherRows] on all threads.
    static void gatherRows(ThreadTeam team, MemorySegment in, int width, int[] rows, MemorySegment out) {
        Operands.gatherRows(in, width, rows, out);
        long from = in.address();
        long to = out.address();
        long rowBytes = (long) width * Float.BYTES;
        int grain = Math.max(1, GRAIN / width);
        team.run(Math.ceilDiv(rows.length, grain), (part, worker) -> {
            for (int row = part * grain; row < Math.min(rows.length, (part + 1) * grain); row++) {
                long source = from + rows[row] * rowBytes;
                MemorySegment.copy(Memory.ALL, source, Memory.ALL, to + row * rowBytes, rowBytes);
            }
        });
    }
}
