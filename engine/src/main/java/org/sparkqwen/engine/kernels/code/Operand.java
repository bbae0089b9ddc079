package org.sparkqwen.engine.kernels.code;

/// The last operand of a vector instruction: a register, or a place in memory.
sealed interface Operand permits Vector, Address {}
