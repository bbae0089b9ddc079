package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes `out[row][0..31] = silu(gates[row][0..31]) · ups[row][0..31]`, with silu(x) = x / (1 + e⁻ˣ).
public final class GateCode {
    /// The operands: addresses, and the distance from a row of `out` to the next in bytes.
    public enum Field {
        CONSTANTS,
        /// `[rows][32]`.
        GATES,
        /// `[rows][32]`.
        UPS,
        OUT,
        OUT_STRIDE,
        /// The number of rows.
        ROWS
    }

    private GateCode() {}

    static byte[] code(InstructionSet set) {
        Vector gate = set.register(0);
        Vector x = set.register(1);
        Vector square = set.register(2);
        Vector p = set.register(3);
        Vector n = set.register(4);
        Label row = new Label();
        Assembler asm = new Assembler();
        asm.mov(R10, Arguments.of(RDI, Field.CONSTANTS));
        ExpCode exp = ExpCode.withConstants(asm, set, R10);
        asm.mov(R8, Arguments.of(RDI, Field.GATES));
        asm.mov(R9, Arguments.of(RDI, Field.UPS));
        asm.mov(RDX, Arguments.of(RDI, Field.OUT));
        asm.mov(RAX, Arguments.of(RDI, Field.OUT_STRIDE));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.bind(row);
        for (int offset = 0; offset < Matrix.PANEL * Float.BYTES; offset += set.bytes()) {
            asm.vmovups(gate, Address.at(R8, offset));
            asm.vpxord(x, gate, exp.sign());
            exp.exp(x, square, p, n);
            asm.vaddps(x, x, exp.one());
            asm.vdivps(gate, gate, x);
            asm.vmulps(gate, gate, Address.at(R9, offset));
            asm.vmovups(Address.at(RDX, offset), gate);
        }
        asm.add(R8, Matrix.PANEL * Float.BYTES);
        asm.add(R9, Matrix.PANEL * Float.BYTES);
        asm.add(RDX, RAX);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, row);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
