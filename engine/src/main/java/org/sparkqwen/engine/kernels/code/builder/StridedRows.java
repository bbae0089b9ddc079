package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBP;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;

import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;

/// The addresses of up to twelve rows at a stride. The stride and its multiples by 3, 5, 7, 9 and 11 are in registers;
/// the other multiples are scales of an address.
final class StridedRows {
    static final Gpr STRIDE = RAX;
    static final Gpr STRIDE_3 = R9;
    static final Gpr STRIDE_5 = R10;
    static final Gpr STRIDE_7 = R11;
    static final Gpr STRIDE_9 = RBX;
    static final Gpr STRIDE_11 = RBP;

    private StridedRows() {}

    /// Loads a stride, and computes its multiples.
    static void load(Assembler asm, Address stride) {
        asm.mov(STRIDE, stride);
        asm.lea(STRIDE_3, Address.at(STRIDE, STRIDE, 2, 0));
        asm.lea(STRIDE_5, Address.at(STRIDE, STRIDE, 4, 0));
        asm.lea(STRIDE_7, Address.at(STRIDE_3, STRIDE, 4, 0));
        asm.lea(STRIDE_9, Address.at(STRIDE, STRIDE, 8, 0));
        asm.lea(STRIDE_11, Address.at(STRIDE_3, STRIDE, 8, 0));
    }

    /// The address of a row from a pointer on, at the stride that is loaded.
    static Address row(Gpr pointer, int row, int displacement) {
        return switch (row) {
            case 0 -> Address.at(pointer, displacement);
            case 1 -> Address.at(pointer, STRIDE, 1, displacement);
            case 2 -> Address.at(pointer, STRIDE, 2, displacement);
            case 3 -> Address.at(pointer, STRIDE_3, 1, displacement);
            case 4 -> Address.at(pointer, STRIDE, 4, displacement);
            case 5 -> Address.at(pointer, STRIDE_5, 1, displacement);
            case 6 -> Address.at(pointer, STRIDE_3, 2, displacement);
            case 7 -> Address.at(pointer, STRIDE_7, 1, displacement);
            case 8 -> Address.at(pointer, STRIDE, 8, displacement);
            case 9 -> Address.at(pointer, STRIDE_9, 1, displacement);
            case 10 -> Address.at(pointer, STRIDE_5, 2, displacement);
            case 11 -> Address.at(pointer, STRIDE_11, 1, displacement);
            default -> throw new IllegalArgumentException("a tile has no row %d".formatted(row));
        };
    }

    /// Advances a pointer by twelve rows at the stride that is loaded.
    static void skipTwelve(Assembler asm, Gpr pointer) {
        asm.lea(pointer, Address.at(pointer, STRIDE_3, 4, 0));
    }
}
