package org.sparkqwen.engine.constraint.automaton;

import org.jspecify.annotations.Nullable;

/// Thrown if a constraint cannot be used. The message is one line for a person. It never leaves
/// `TokenConstraint`.
public final class RefusedConstraint extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean placed;

    public RefusedConstraint(String message) {
        this(null, message);
    }

    private RefusedConstraint(@Nullable String place, String message) {
        super(oneLine(place == null ? message : place + ": " + message));
        placed = place != null;
    }

    /// Returns this exception with a place in its message, unless a closer place is known.
    public RefusedConstraint at(String place) {
        return placed ? this : new RefusedConstraint(place, reason());
    }

    /// Tells whether the constraint might be supported if it were smaller.
    public boolean isTooLarge() {
        return reason().contains("too large");
    }

    public String reason() {
        return String.valueOf(getMessage());
    }

    /// Makes a message one line. Messages quote the constraint, which must not forge lines of a log or
    /// control a terminal.
    private static String oneLine(String message) {
        return message.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]", "\uFFFD");
    }
}
