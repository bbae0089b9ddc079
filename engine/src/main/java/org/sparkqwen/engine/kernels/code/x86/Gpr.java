package org.sparkqwen.engine.kernels.code.x86;

/// The general-purpose registers of 64 bits, in the order of their numbers in instructions.
///
/// By the calling convention of Linux (System V AMD64), the arguments of a function come in RDI, RSI, RDX, RCX, R8 and
/// R9. A function may change these, RAX, R10, R11 and all vector registers. It must give back the others as they were.
public enum Gpr {
    RAX(0),
    RCX(1),
    RDX(2),
    RBX(3),
    RSP(4),
    RBP(5),
    RSI(6),
    RDI(7),
    R8(8),
    R9(9),
    R10(10),
    R11(11),
    R12(12),
    R13(13),
    R14(14),
    R15(15);

    private final int number;

    Gpr(int number) {
        this.number = number;
    }

    int number() {
        return number;
    }

    /// The lower three bits of the register's number, which stand in the operand bytes.
    int low() {
        return number & 7;
    }

    /// The fourth bit of the register's number, which stands in a prefix.
    int high() {
        return number >> 3;
    }
}
