package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Tmm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes functions that repeat an instruction on registers alone, as often as a processor can.
public final class BurstCode {
    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
        /// The number of turns, at least 1.
        TURNS,
        /// The shapes of the tile registers; unused by vector instructions.
        CONFIG
    }

    /// The number of chains of vector instructions in a turn: as many as a tile has sums.
    public static final int CHAINS = 24;

    /// The number of chains of AMX instructions in a turn.
    public static final int TILE_CHAINS = 4;

    /// An instruction on vectors.
    interface OnVectors {
        void write(Assembler asm, Zmm sum, Zmm a, Zmm b);
    }

    /// An instruction on tile registers.
    interface OnTiles {
        void write(Assembler asm, Tmm sum, Tmm a, Tmm b);
    }

    private BurstCode() {}

    static byte[] ofVectors(OnVectors instruction) {
        Zmm zero = new Zmm(31);
        Label turn = new Label();
        Assembler asm = new Assembler();
        asm.mov(RCX, Arguments.of(RDI, Field.TURNS));
        asm.vpxord(zero, zero, zero);
        for (int i = 0; i < CHAINS; i++) {
            asm.vmovups(new Zmm(i), zero);
        }
        asm.bind(turn);
        for (int i = 0; i < CHAINS; i++) {
            instruction.write(asm, new Zmm(i), zero, zero);
        }
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.vzeroupper();
        asm.ret();
        return asm.code();
    }

    static byte[] ofTiles(OnTiles instruction) {
        Label turn = new Label();
        Assembler asm = new Assembler();
        asm.mov(RAX, Arguments.of(RDI, Field.CONFIG));
        asm.mov(RCX, Arguments.of(RDI, Field.TURNS));
        asm.ldtilecfg(Address.at(RAX, 0)); // which clears the registers
        asm.bind(turn);
        for (int i = 0; i < TILE_CHAINS; i++) {
            instruction.write(asm, new Tmm(i), new Tmm(4 + i / 2), new Tmm(6 + i % 2));
        }
        asm.sub(RCX, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.tilerelease();
        asm.ret();
        return asm.code();
    }
}
