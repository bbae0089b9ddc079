/// Constrained generation: which tokens may follow so that a text becomes what a pattern, a JSON schema or a list asks.
@NullMarked
package org.sparkqwen.engine.constraint;

import org.jspecify.annotations.NullMarked;
