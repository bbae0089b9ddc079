/// Measures the kernels' work and what the machine could have done meanwhile.
@NullMarked
package org.sparkqwen.engine.kernels.measure;

import org.jspecify.annotations.NullMarked;
