/// Instructions of x86-64: which of them a machine has, registers, operands, the assembler that encodes them,
/// and the memory in which they run.
@NullMarked
package org.sparkqwen.engine.kernels.code.x86;

import org.jspecify.annotations.NullMarked;
