package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;

/// Writes the end of attention: it divides the weighted sums of values by the sums of the weights.
///
/// ```
/// sum[row] = 1 / sum[row]
/// out[row][0..32 panels) = weighted[panel][row][0..31] · sum[row] + 0
/// ```
public final class AverageCode {
    /// The operands, of which addresses are of native memory.
    public enum Field {
        CONSTANTS,
        /// `[panels][rows][32]`.
        WEIGHTED,
        /// The distance from a panel to the next in bytes.
        PANEL_STRIDE,
        /// `[rows]`, inverted in place.
        SUMS,
        /// The number of vectors of sums, the last of which may be incomplete.
        VECTORS,
        /// The number of rows.
        ROWS,
        /// The addresses of the rows' results, one after the other.
        OUT,
        /// The number of panels, at least 1.
        PANELS
    }

    private AverageCode() {}

    static byte[] code(InstructionSet set) {
        Vector one = set.register(0);
        Vector inverse = set.register(1);
        Vector number = set.register(2);
        Vector zero = set.register(3);
        Label sums = new Label();
        Label row = new Label();
        Label panel = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.CONSTANTS));
        asm.vbroadcastss(one, ExpCode.addressOfOne(RAX));
        asm.vpxord(zero, zero, zero);
        asm.mov(RSI, Arguments.of(RDI, Field.SUMS));
        asm.mov(RCX, Arguments.of(RDI, Field.VECTORS));
        asm.bind(sums);
        asm.vmovups(inverse, Address.at(RSI, 0));
        asm.vdivps(inverse, one, inverse);
        asm.vmovups(Address.at(RSI, 0), inverse);
        asm.add(RSI, set.bytes());
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, sums);

        asm.mov(RSI, Arguments.of(RDI, Field.SUMS));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.mov(RAX, Arguments.of(RDI, Field.PANEL_STRIDE));
        asm.mov(R8, Arguments.of(RDI, Field.WEIGHTED));
        asm.mov(R9, Arguments.of(RDI, Field.OUT));
        asm.bind(row);
        asm.vbroadcastss(inverse, Address.at(RSI, 0));
        asm.mov(R10, R8);
        asm.mov(R11, Address.at(R9, 0));
        asm.mov(RDX, Arguments.of(RDI, Field.PANELS));
        asm.bind(panel);
        for (int offset = 0; offset < WeightedSumCode.SUM_ROW; offset += set.bytes()) {
            asm.vmulps(number, inverse, Address.at(R10, offset));
            asm.vaddps(number, number, zero);
            asm.vmovups(Address.at(R11, offset), number);
        }
        asm.add(R10, RAX);
        asm.add(R11, WeightedSumCode.SUM_ROW);
        asm.sub(RDX, 1);
        asm.jump(Condition.NOT_EQUAL, panel);
        asm.add(RSI, Float.BYTES);
        asm.add(R8, WeightedSumCode.SUM_ROW);
        asm.add(R9, Long.BYTES);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
