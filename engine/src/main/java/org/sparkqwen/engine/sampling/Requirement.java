package org.sparkqwen.engine.sampling;

/// Checks what parameters require. It belongs to none of them: if it did, the class that is used first would need the
/// constants of another one that is not initialized yet.
final class Requirement {
    private Requirement() {}

    /// @throws IllegalArgumentException with the message if the condition does not hold
    static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
