/// Cuts documents into windows, and computes the figures of a scored document.
@NullMarked
package org.sparkqwen.engine.scoring;

import org.jspecify.annotations.NullMarked;
