/// Compiles JSON schemas to automata whose texts are the JSON values that are valid.
@NullMarked
package org.sparkqwen.engine.constraint.schema;

import org.jspecify.annotations.NullMarked;
