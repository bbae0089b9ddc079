package org.sparkqwen.engine.kernels.code;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.AverageCode;
import org.sparkqwen.engine.kernels.code.builder.ExpCode;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.WeightedSumCode;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// Ends attention: divides the weighted sums of values by the sums of the weights ([AverageCode]).
///
/// All operands are addresses of native memory.
final class Averages {
    private static final long FLOAT = Float.BYTES;

    private final Arguments arguments = new Arguments().set(AverageCode.Field.CONSTANTS, ExpCode.constants());
    private final Functions functions;

    Averages(Functions functions) {
        this.functions = functions;
    }

    /// @param rows number of rows
    /// @param headDim numbers of a row's result
    /// @param weighted `[panels][width][32]`
    /// @param width at least `rows`
    /// @param sums `[rows rounded up to whole vectors]`, overwritten
    /// @param out `[rows]`: the addresses of the results
    void write(int rows, int headDim, long weighted, int width, long sums, long out) {
        long panelStride = (long) width * WeightedSumCode.SUM_ROW;
        int panels = Matrix.panelCount(headDim);
        if (headDim == panels * PANEL) {
            arguments
                    .set(AverageCode.Field.WEIGHTED, weighted)
                    .set(AverageCode.Field.PANEL_STRIDE, panelStride)
                    .set(AverageCode.Field.SUMS, sums)
                    .set(AverageCode.Field.VECTORS, Math.ceilDiv(rows, functions.set.floats()))
                    .set(AverageCode.Field.ROWS, rows)
                    .set(AverageCode.Field.OUT, out)
                    .set(AverageCode.Field.PANELS, panels)
                    .call(functions.average);
            return;
        }
        for (int row = 0; row < rows; row++) {
            float inverse = 1f / Memory.getFloat(sums + row * FLOAT);
            long to = Memory.ALL.get(JAVA_LONG, out + (long) row * Long.BYTES);
            for (int i = 0; i < headDim; i++) {
                long at = weighted + i / PANEL * panelStride + (long) row * WeightedSumCode.SUM_ROW;
                Memory.setFloat(to + i * FLOAT, Memory.getFloat(at + i % PANEL * FLOAT) * inverse + 0f);
            }
        }
    }
}
