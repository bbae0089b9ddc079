/// Measures how fast a model scores and generates, compared with the machine's peak.
@NullMarked
package org.sparkqwen.engine.bench;

import org.jspecify.annotations.NullMarked;
