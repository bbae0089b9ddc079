/// The scalar reference: each operation as its formula says, whose bits the fast back-ends have, too.
@NullMarked
package org.sparkqwen.engine.kernels.scalar;

import org.jspecify.annotations.NullMarked;
