package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;

import java.util.List;
import java.util.function.IntFunction;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Vector;

/// Writes the functions that widen rows of 32 integers of 8 bits, keys or values of a block, to float32: `integer ·
/// scale`, rounded once. Numbers that are needed next are requested meanwhile.
public final class WidenKeyValuesCode {
    /// The operands of the function, as [Arguments] passes them.
    public enum Field {
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
    static byte[] ofKeys(InstructionSet set) {
        List<Vector> scales = set.registers(4, ROW / set.floats());
        Assembler asm = new Assembler();
        asm.mov(R8, Arguments.of(RDI, Field.SCALES));
        for (int part = 0; part < scales.size(); part++) {
            asm.vmovups(scales.get(part), Address.at(R8, part * set.bytes()));
        }
        return rows(asm, set, scales::get);
    }

    /// Writes the function for values, which have a position in each row.
    static byte[] ofValues(InstructionSet set) {
        Vector scale = set.register(4);
        Assembler asm = new Assembler();
        asm.mov(R8, Arguments.of(RDI, Field.SCALES));
        return rows(asm, set, part -> {
            if (part == 0) {
                asm.vbroadcastss(scale, Address.at(R8, 0));
            }
            return scale;
        });
    }

    /// @param scales gives the register that has the scales of a part of the columns
    private static byte[] rows(Assembler asm, InstructionSet set, IntFunction<Vector> scales) {
        Label row = new Label();
        asm.mov(RAX, Arguments.of(RDI, Field.FROM));
        asm.mov(RDX, Arguments.of(RDI, Field.TO));
        asm.mov(RCX, Arguments.of(RDI, Field.ROWS));
        asm.mov(R9, Arguments.of(RDI, Field.AHEAD));
        asm.bind(row);
        asm.prefetcht0(Address.at(R9, 0));
        for (int part = 0; part < ROW / set.floats(); part++) {
            Vector numbers = set.register(part);
            asm.vpmovsxbd(numbers, Address.at(RAX, part * set.floats()));
            asm.vcvtdq2ps(numbers, numbers);
            asm.vmulps(numbers, numbers, scales.apply(part));
            asm.vmovups(Address.at(RDX, part * set.bytes()), numbers);
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
