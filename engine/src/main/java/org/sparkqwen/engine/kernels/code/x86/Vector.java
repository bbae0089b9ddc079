package org.sparkqwen.engine.kernels.code.x86;

/// A vector register. Its type says how long the vectors are that an instruction works on, and how it is encoded.
public sealed interface Vector extends Operand permits Zmm, Ymm {
    int number();
}
