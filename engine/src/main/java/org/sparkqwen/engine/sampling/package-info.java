/// Chooses the next token: temperature, top-k, top-p, min-p, penalties, seeds and endings.
@NullMarked
package org.sparkqwen.engine.sampling;

import org.jspecify.annotations.NullMarked;
