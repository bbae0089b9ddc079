/// Reads regular expressions of constraints, in the syntax of ECMA-262, as automata.
@NullMarked
package org.sparkqwen.engine.constraint.regex;

import org.jspecify.annotations.NullMarked;
