package org.sparkqwen.engine.kernels.code.builder;

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
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes functions that multiply a row of numbers by a factor: `to[i] = from[i] · factor`, or
/// `to[i] += from[i] · factor`, where the product is rounded before it is added.
public final class ScaleCode {
    /// The operands. A row is cut into pieces of 32 numbers, which follow each other in `to`.
    public enum Field {
        FROM,
        /// The distance from a piece of `from` to the next in bytes.
        FROM_STRIDE,
        TO,
        /// The factor, as the bits of a float.
        FACTOR,
        /// The number of pieces.
        PIECES
    }

    private static final int PANEL_ROW = Matrix.PANEL * Float.BYTES;

    private ScaleCode() {}

    /// @param adds whether products are added to what is there
    static byte[] code(InstructionSet set, boolean adds) {
        Vector factor = set.register(0);
        Vector product = set.register(1);
        Label piece = new Label();
        Assembler asm = new Assembler();
        asm.mov(RSI, Arguments.of(RDI, Field.FROM));
        asm.mov(RAX, Arguments.of(RDI, Field.FROM_STRIDE));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.PIECES));
        asm.vbroadcastss(factor, Arguments.of(RDI, Field.FACTOR));
        asm.bind(piece);
        for (int offset = 0; offset < PANEL_ROW; offset += set.bytes()) {
            asm.vmulps(product, factor, Address.at(RSI, offset));
            if (adds) {
                asm.vaddps(product, product, Address.at(RDX, offset));
            }
            asm.vmovups(Address.at(RDX, offset), product);
        }
        asm.add(RSI, RAX);
        asm.add(RDX, PANEL_ROW);
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, piece);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }
}
