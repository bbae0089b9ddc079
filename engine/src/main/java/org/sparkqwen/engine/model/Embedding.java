package org.sparkqwen.engine.model;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.kernels.Bf16Matrix;
import org.sparkqwen.engine.kernels.Matrix;

/// The embedding: a vector for each token, `[vocabulary, hidden]`. It lies in rows, or in the panels of the head that
/// shares it. In panels, a token's vector is a column of a panel, and reading it costs little beside the arithmetic on
/// it.
///
/// @param data the numbers, in the tensor's form
record Embedding(PackedTensor tensor, MemorySegment data) {

    /// Writes the vector of `token` to `out`, `[hidden]`, as float32, which is exact.
    void read(int token, MemorySegment out) {
        int hidden = tensor.inputs();
        switch (tensor.form()) {
            case ROWS_BF16 -> gatherBf16((long) token * hidden, 1, out);
            case ROWS_F32 -> gatherF32((long) token * hidden, 1, out);
            case PANELS_BF16 -> gatherBf16(panel(token) + Bf16Matrix.slot(token % Matrix.PANEL), Matrix.PANEL, out);
            case PANELS_F32 -> gatherF32(panel(token) + token % Matrix.PANEL, Matrix.PANEL, out);
            case VECTOR_F32 -> throw new IllegalStateException("a vector is no embedding");
        }
    }

    /// The index of the first number of a token's panel.
    private long panel(int token) {
        return (long) (token / Matrix.PANEL) * tensor.inputs() * Matrix.PANEL;
    }

    private void gatherBf16(long from, int step, MemorySegment out) {
        for (int i = 0; i < tensor.inputs(); i++) {
            short upper = data.getAtIndex(JAVA_SHORT, from + (long) i * step);
            out.setAtIndex(JAVA_FLOAT, i, Float.intBitsToFloat(upper << 16));
        }
    }

    private void gatherF32(long from, int step, MemorySegment out) {
        for (int i = 0; i < tensor.inputs(); i++) {
            out.setAtIndex(JAVA_FLOAT, i, data.getAtIndex(JAVA_FLOAT, from + (long) i * step));
        }
    }
}
