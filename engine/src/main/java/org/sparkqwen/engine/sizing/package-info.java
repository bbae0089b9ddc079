/// Predicts the memory that an engine needs for weights and for its work.
@NullMarked
package org.sparkqwen.engine.sizing;

import org.jspecify.annotations.NullMarked;
