/// Measures how fast a model scores and generates, against what the machine can do.
@NullMarked
package org.sparkqwen.engine.bench;

import org.jspecify.annotations.NullMarked;
