/// Constrained generation: tells which tokens may follow so that a text matches a regular expression, a JSON
/// schema or a list.
@NullMarked
package org.sparkqwen.engine.constraint;

import org.jspecify.annotations.NullMarked;
