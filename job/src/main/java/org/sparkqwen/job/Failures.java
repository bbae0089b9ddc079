package org.sparkqwen.job;

import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.ModelCopyException;

/// What a person is told of an exception.
final class Failures {
    private Failures() {}

    /// The first line of what went wrong at the bottom.
    static String firstLine(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null
                && !(root instanceof InvalidModelException)
                && !(root instanceof ModelCopyException)) {
            root = root.getCause();
        }
        String message = root.getMessage();
        return message == null || message.isBlank()
                ? root.toString()
                : message.lines().findFirst().orElse("");
    }
}
