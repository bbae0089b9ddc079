/// Which token comes next: temperature, top-k, top-p, min-p, seeds.
@NullMarked
package org.sparkqwen.engine.sampling;

import org.jspecify.annotations.NullMarked;
