package org.sparkqwen.engine.checkpoint;

/// A model directory cannot be used. The message is one line for a person: which file, what is wrong with it, what to
/// do.
public final class InvalidModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public InvalidModelException(String message) {
        super(oneLine(message));
    }

    public InvalidModelException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    /// Messages quote names from untrusted files, which must not forge lines of a log or speak to a terminal.
    private static String oneLine(String message) {
        return message.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]", "\uFFFD");
    }
}
