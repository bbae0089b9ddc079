/// Cuts documents into windows, and sums up what is reported of a scored document.
@NullMarked
package org.sparkqwen.engine.scoring;

import org.jspecify.annotations.NullMarked;
