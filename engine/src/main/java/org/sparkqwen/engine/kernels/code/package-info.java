/// The back-end of machine code: the same bits as the scalar reference, in instructions that it encodes itself.
@NullMarked
package org.sparkqwen.engine.kernels.code;

import org.jspecify.annotations.NullMarked;
