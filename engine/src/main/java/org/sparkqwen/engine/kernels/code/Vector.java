package org.sparkqwen.engine.kernels.code;

/// A vector register. Its type says how long the vectors are that an instruction works on, and how it is encoded.
sealed interface Vector extends Operand permits Zmm, Ymm {
    int number();
}
