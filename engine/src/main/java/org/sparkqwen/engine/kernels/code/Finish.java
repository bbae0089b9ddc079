package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import org.sparkqwen.engine.kernels.ScoredTargets;
import org.sparkqwen.engine.kernels.code.CodeKernels.PanelGroup;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.ExpCode;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.GateCode;
import org.sparkqwen.engine.kernels.code.builder.LogSumExpCode;
import org.sparkqwen.engine.kernels.code.builder.ScaleCode;
import org.sparkqwen.engine.kernels.format.Memory;

/// What an operation does with the sums of a product that do not go to their destination as they are. Each thread has
/// its own.
final class Finish implements AutoCloseable {
    private final Scratch scratch = new Scratch();
    private final long results = scratch.address((long) PanelProduct.ROWS * LogSumExpCode.RESULT_BYTES);
    private final Arguments logSumExp = new Arguments().set(LogSumExpCode.Field.CONSTANTS, ExpCode.constants());
    private final Arguments gate = new Arguments().set(GateCode.Field.CONSTANTS, ExpCode.constants());
    private final Arguments scale = new Arguments();
    private final Functions functions;

    Finish(Functions functions) {
        this.functions = functions;
    }

    /// Writes or adds the sums of a group that has biases or an incomplete panel, number by number.
    ///
    /// @param row the first row's index among the outputs
    static void write(PanelProduct product, PanelGroup group, int row, boolean adds) {
        int outputs = group.weight().outputs();
        for (int i = 0; i < product.rows(); i++) {
            long out = group.out() + (long) (row + i) * outputs * Float.BYTES;
            for (int slot = 0; slot < group.count(); slot++) {
                int column = (group.first() + slot) * PANEL;
                long sums = product.sums(slot) + i * Tiles.PANEL_ROW;
                for (int j = 0; j < Math.min(PANEL, outputs - column); j++) {
                    long offset = (long) (column + j) * Float.BYTES;
                    float sum = Memory.getFloat(sums + (long) j * Float.BYTES);
                    float biased = group.bias() == 0 ? sum : sum + Memory.getFloat(group.bias() + offset);
                    Memory.setFloat(out + offset, adds ? Memory.getFloat(out + offset) + biased : biased);
                }
            }
        }
    }

    /// Writes the gated products of gates and ups. The sums of the gates come first.
    ///
    /// @param row the first row's index among the outputs
    void gate(PanelProduct product, PanelGroup gates, int row) {
        for (int slot = 0; slot < gates.count(); slot++) {
            boolean complete =
                    (gates.first() + slot + 1) * PANEL <= gates.weight().outputs();
            Tiles.Rows to = complete
                    ? gates.to(row)
                    : new Tiles.Rows(product.sums(0), Tiles.PANEL_ROW); // one panel, in the place of the gates
            gate.set(GateCode.Field.GATES, product.sums(slot))
                    .set(GateCode.Field.UPS, product.sums(gates.count() + slot))
                    .set(GateCode.Field.OUT, to.address() + slot * Tiles.PANEL_ROW)
                    .set(GateCode.Field.OUT_STRIDE, to.stride())
                    .set(GateCode.Field.ROWS, product.rows())
                    .call(functions.gate);
            if (!complete) {
                write(product, gates, row, false);
            }
        }
    }

    /// Reduces a chunk of logits, whose panels are complete, to its maximum and its sums.
    ///
    /// @param firstRow the product's first row among all rows
    void logSumExp(PanelProduct product, int panels, ScoredTargets scored, int firstRow, int chunk) {
        logSumExp
                .set(LogSumExpCode.Field.LOGITS, product.sums(0))
                .set(LogSumExpCode.Field.PANEL_STRIDE, product.sumsStride())
                .set(LogSumExpCode.Field.PANELS, panels)
                .set(LogSumExpCode.Field.ROWS, product.rows())
                .set(LogSumExpCode.Field.RESULTS, results)
                .call(scored.hasMoments() ? functions.logSumExpAndMoments : functions.logSumExp);
        for (int row = 0; row < product.rows(); row++) {
            long result = results + (long) row * LogSumExpCode.RESULT_BYTES;
            int at = scored.index(firstRow + row, chunk);
            scored.maxima()[at] = Memory.getFloat(result);
            scored.sums()[at] = Memory.getFloat(result + LogSumExpCode.result(0));
            if (scored.hasMoments()) {
                scored.firstMoments()[at] = Memory.getFloat(result + LogSumExpCode.result(1));
                scored.secondMoments()[at] = Memory.getFloat(result + LogSumExpCode.result(2));
            }
        }
    }

    /// Adds a row of sums, multiplied by a factor: `to[i] += factor · sums[i]`.
    ///
    /// @param columns number of outputs, of which the last panel may have fewer than 32
    void addScaled(PanelProduct product, int row, int columns, float factor, long to) {
        int complete = columns / PANEL;
        if (complete > 0) {
            scale.set(ScaleCode.Field.FROM, product.sums(0) + row * Tiles.PANEL_ROW)
                    .set(ScaleCode.Field.FROM_STRIDE, product.sumsStride())
                    .set(ScaleCode.Field.TO, to)
                    .set(ScaleCode.Field.FACTOR, Float.floatToRawIntBits(factor))
                    .set(ScaleCode.Field.PIECES, complete)
                    .call(functions.addScaled);
        }
        for (int column = complete * PANEL; column < columns; column++) {
            long sum = product.sums(complete) + row * Tiles.PANEL_ROW + (long) (column % PANEL) * Float.BYTES;
            long at = to + (long) column * Float.BYTES;
            Memory.setFloat(at, Memory.getFloat(at) + Memory.getFloat(sum) * factor);
        }
    }

    @Override
    public void close() {
        scratch.close();
    }
}
