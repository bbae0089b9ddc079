package org.sparkqwen.engine.constraint;

import org.jspecify.annotations.Nullable;

/// A constraint cannot be used; the message is one line for a person. Never leaves the package.
final class RefusedConstraint extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final boolean placed;

    RefusedConstraint(String message) {
        this(null, message);
    }

    private RefusedConstraint(@Nullable String place, String message) {
        super(oneLine(place == null ? message : place + ": " + message));
        placed = place != null;
    }

    /// The same, said of a place, unless a closer one is known.
    RefusedConstraint at(String place) {
        return placed ? this : new RefusedConstraint(place, reason());
    }

    /// Whether the constraint may be supported, if only it were smaller.
    boolean isTooLarge() {
        return reason().contains("too large");
    }

    String reason() {
        return String.valueOf(getMessage());
    }

    /// Messages quote the constraint, which must not forge lines of a log or speak to a terminal.
    private static String oneLine(String message) {
        return message.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]", "\uFFFD");
    }
}
