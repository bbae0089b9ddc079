package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.code.builder.AmxTileCode;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.PairCode;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.builder.WidenCode;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.format.Memory;

/// Brings pieces of panels into pairs of bfloat16 numbers, filled up with zeros to whole blocks of 32 inputs. Each
/// thread has its own.
final class PanelPairs {
    private final long pairs;
    private final long lastPair; // [2][32] in float32 or bfloat16, the second input zeros
    private final Arguments arguments = new Arguments().set(PairCode.Field.UPPER_HALF, WidenCode.UPPER_HALF);

    /// The bytes of memory that an instance takes.
    static final int BYTES = RowBlock.ROUNDED_INPUTS / 2 * AmxTileCode.PANEL_ROW + 2 * PANEL * Float.BYTES;

    /// @param memory address of [#BYTES] bytes at the start of a cache line
    PanelPairs(long memory) {
        pairs = memory;
        lastPair = memory + RowBlock.ROUNDED_INPUTS / 2 * AmxTileCode.PANEL_ROW;
    }

    /// Pairs the inputs of a panel in bfloat16.
    ///
    /// @param from address of the first input's weights
    /// @param inputs at most [RowBlock#ROUNDED_INPUTS]
    /// @return the address of `[pairs][32][2]`
    long ofBf16(long from, int inputs) {
        return pair(RoundedFunctions.PAIR_BF16, from, inputs, PANEL * Short.BYTES);
    }

    /// Rounds and pairs the inputs of a panel in float32.
    long ofF32(long from, int inputs) {
        return pair(RoundedFunctions.PAIR_F32, from, inputs, PANEL * Float.BYTES);
    }

    private long pair(MachineCode function, long from, int inputs, int inputBytes) {
        int complete = inputs / 2;
        if (complete > 0) {
            call(function, from, pairs, complete);
        }
        if (inputs % 2 == 1) {
            Memory.ALL.asSlice(lastPair, 2L * inputBytes).fill((byte) 0);
            MemorySegment.copy(Memory.ALL, from + (inputs - 1L) * inputBytes, Memory.ALL, lastPair, inputBytes);
            call(function, lastPair, pairs + (long) complete * AmxTileCode.PANEL_ROW, 1);
        }
        int filled = Math.ceilDiv(inputs, 2);
        int all = Math.ceilDiv(inputs, Arithmetic.BLOCK) * Arithmetic.BLOCK / 2;
        if (filled < all) {
            long rest = pairs + (long) filled * AmxTileCode.PANEL_ROW;
            Memory.ALL
                    .asSlice(rest, (long) (all - filled) * AmxTileCode.PANEL_ROW)
                    .fill((byte) 0);
        }
        return pairs;
    }

    private void call(MachineCode function, long from, long to, int count) {
        arguments
                .set(PairCode.Field.FROM, from)
                .set(PairCode.Field.TO, to)
                .set(PairCode.Field.PAIRS, count)
                .call(function);
    }
}
