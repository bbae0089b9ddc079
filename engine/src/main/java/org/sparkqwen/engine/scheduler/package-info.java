/// Which tokens of which sequences are computed together. Knows neither model nor kernels.
@NullMarked
package org.sparkqwen.engine.scheduler;

import org.jspecify.annotations.NullMarked;
