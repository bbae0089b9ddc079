package org.sparkqwen.engine.kernels.code;

import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.KeyValueIntegers;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.builder.WidenKeyValuesCode;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Hands out the keys and values of a head of a block in the form that attention's products read, which is
/// [KeyValueFormat#multiplied]. Numbers of 8 bits are widened to the layout that they have in float32, and all others
/// stay where they lie. Each thread has its own.
final class BlockReader {
    private final Arguments arguments = new Arguments();
    private final Functions functions;

    BlockReader(Functions functions) {
        this.functions = functions;
    }

    /// The address of a head's keys in a form that products read.
    ///
    /// @param headDim numbers of a key
    /// @param stored address of the head's keys in the block
    /// @param to address of `[headDim][32 positions]` float32 numbers, overwritten if the keys are widened
    /// @param ahead address of what is needed next, which is requested while the keys are widened
    long keys(KeyValueFormat format, int headDim, long stored, long to, long ahead) {
        return switch (format) {
            case F32, BF16 -> stored;
            case INT8 -> {
                long scales = stored + KeyValueIntegers.keyScales(headDim);
                for (int input = 0; input < headDim; input += IntegerProduct.GROUP) {
                    int inputs = Math.min(IntegerProduct.GROUP, headDim - input);
                    long ofGroup = scales + KeyValueIntegers.scale(input, 0);
                    widen(functions.widenKeys, stored, to, input, inputs, ofGroup, ahead);
                }
                yield to;
            }
        };
    }

    /// The address of a head's values in a form that products read.
    ///
    /// @param headDim numbers of a value
    /// @param stored address of the head's values in the block
    /// @param to address of `[ceil(headDim / 32)][32 positions][32]` float32 numbers, overwritten if the values are
    ///     widened
    /// @param ahead address of what is needed next, which is requested while the values are widened
    long values(KeyValueFormat format, int headDim, long stored, long to, long ahead) {
        return switch (format) {
            case F32, BF16 -> stored;
            case INT8 -> {
                long scales = stored + KeyValueIntegers.valueScales(headDim);
                int rows = KeyValueBlock.TOKENS;
                for (int panel = 0; panel < Matrix.panelCount(headDim); panel++) {
                    long ofGroup = scales + KeyValueIntegers.scale(panel * Matrix.PANEL, 0);
                    widen(functions.widenValues, stored, to, panel * rows, rows, ofGroup, ahead);
                }
                yield to;
            }
        };
    }

    /// @param row the first row
    private void widen(MachineCode function, long stored, long to, int row, int rows, long scales, long ahead) {
        long offset = (long) row * KeyValueBlock.TOKENS;
        arguments
                .set(WidenKeyValuesCode.Field.FROM, stored + offset)
                .set(WidenKeyValuesCode.Field.TO, to + offset * Float.BYTES)
                .set(WidenKeyValuesCode.Field.ROWS, rows)
                .set(WidenKeyValuesCode.Field.SCALES, scales)
                .set(WidenKeyValuesCode.Field.AHEAD, ahead + offset)
                .call(function);
    }
}
