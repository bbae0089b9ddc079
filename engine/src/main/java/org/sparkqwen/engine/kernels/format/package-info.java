/// Weights in native memory: matrices in panels, tables of rows, and the formats of their numbers.
@NullMarked
package org.sparkqwen.engine.kernels.format;

import org.jspecify.annotations.NullMarked;
