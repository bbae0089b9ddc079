/// The arithmetic of a transformer as whole operations: the contract, its operands, and what all back-ends share.
@NullMarked
package org.sparkqwen.engine.kernels;

import org.jspecify.annotations.NullMarked;
