package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.code.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.Gpr.RDX;

import org.sparkqwen.engine.kernels.KeyValueBlock;

/// Writes the functions that widen rows of 32 integers of 8 bits, keys or values of a block, to float32: `integer ·
/// scale`, rounded once. Numbers that are needed next are requested meanwhile.
final class WidenKeyValuesCode {
    /// The operands.
    enum Field {
        /// `[rows][32]` bytes.
        FROM,
        /// `[rows][32]` float32 numbers, written.
        TO,
        /// The number of rows.
        ROWS,
        /// The float32 scales: of the 32 columns of all rows for keys, and of the rows for values.
        SCALES,
        /// The address of what is needed next, of which as many bytes are requested as there are in the rows.
        AHEAD
    }

    private static final int ROW = KeyValueBlock.TOKENS;
    private static final int WIDE_ROW = ROW * Float.BYTES;

    private WidenKeyValuesCode() {}

    /// Writes the function for keys, which have a position in each column.
    static byte[] ofKeys() {
        Zmm[] scales = {new Zmm(4), new Zmm(5)};
        Assembler asm = new Assembler();
        asm.mov(R8, Arguments.of(RDI, Field.SCALES));
        asm.vmovups(scales[0], Address.at(R8, 0));
        asm.vmovups(scales[1], Address.at(R8, Zmm.BYTES));
        return rows(asm, (to, half) -> asm.vmulps(to, to, scales[half]));
    }

    /// Writes the function for values, which have a position in each row.
    static byte[] ofValues() {
        Assembler asm = new Assembler();
        asm.mov(R8, Arguments.of(RDI, Field.SCALES));
        return rows(asm, (to, half) -> asm.vmulps(to, to, Address.at(R8, 0).toAllLanes()));
    }

    /// What multiplies integers by their scales.
    private interface Scaling {
        void write(Zmm integers, int half);
    }

    private static byte[] rows(Assembler asm, Scaling scaling) {
        Label row = new Label();
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.mov(R9, Arguments.of(RDI, Field.AHEAD));
        asm.bind(row);
        asm.prefetcht0(Address.at(R9, 0));
        for (int half = 0; half < TileSums.HALVES; half++) {
            Zmm numbers = new Zmm(half);
            asm.vpmovsxbd(numbers, Address.at(RAX, half * Zmm.FLOATS));
            asm.vcvtdq2ps(numbers, numbers);
            scaling.write(numbers, half);
            asm.vmovups(Address.at(RDX, half * Zmm.BYTES), numbers);
        }
        asm.add(RAX, ROW);
        asm.add(R9, ROW);
        asm.add(RDX, WIDE_ROW);
        asm.add(R8, Float.BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
