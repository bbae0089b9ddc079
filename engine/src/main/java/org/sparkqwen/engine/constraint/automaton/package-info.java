/// Automata over characters and bytes: the languages that constraints describe, in limited size and time.
@NullMarked
package org.sparkqwen.engine.constraint.automaton;

import org.jspecify.annotations.NullMarked;
