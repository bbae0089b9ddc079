package org.sparkqwen.engine.kernels.code.x86;

/// The last operand of a vector instruction: a register, or a place in memory.
public sealed interface Operand permits Vector, Address {}
