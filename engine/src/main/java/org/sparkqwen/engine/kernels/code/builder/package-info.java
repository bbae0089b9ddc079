/// Builders of machine code: each writes the instructions of one function, and is the only one to know its registers.
@NullMarked
package org.sparkqwen.engine.kernels.code.builder;

import org.jspecify.annotations.NullMarked;
