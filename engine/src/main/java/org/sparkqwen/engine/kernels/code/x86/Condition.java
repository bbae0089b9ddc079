package org.sparkqwen.engine.kernels.code.x86;

/// Conditions of a jump, with their numbers in instructions. Comparisons are of unsigned numbers.
public enum Condition {
    BELOW(2),
    NOT_BELOW(3),
    EQUAL(4),
    NOT_EQUAL(5),
    NOT_ABOVE(6),
    ABOVE(7);

    final int code;

    Condition(int code) {
        this.code = code;
    }
}
