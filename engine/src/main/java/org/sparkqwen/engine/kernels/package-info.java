/// The arithmetic of a transformer as whole operations: the contract, its operands, and the scalar reference.
@NullMarked
package org.sparkqwen.engine.kernels;

import org.jspecify.annotations.NullMarked;
