package org.sparkqwen.engine.constraint;

/// A constraint cannot be used; the message is one line for a person, and grows by the place on its way up.
final class RefusedConstraint extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    RefusedConstraint(String message) {
        super(oneLine(message));
    }

    /// The same, said of a place: a constraint's kind, a JSON pointer.
    RefusedConstraint at(String place) {
        return new RefusedConstraint(place + ": " + getMessage());
    }

    /// Messages quote the constraint, which must not forge lines of a log or speak to a terminal.
    private static String oneLine(String message) {
        return message.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]", "\uFFFD");
    }
}
