/// Decides which tokens of which sequences are computed together (continuous batching).
@NullMarked
package org.sparkqwen.engine.scheduler;

import org.jspecify.annotations.NullMarked;
