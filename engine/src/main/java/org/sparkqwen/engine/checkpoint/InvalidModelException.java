package org.sparkqwen.engine.checkpoint;

/// A model directory cannot be used. The message is one line for a person: which file, what is wrong with it, what to
/// do.
public final class InvalidModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public InvalidModelException(String message) {
        super(message);
    }

    public InvalidModelException(String message, Throwable cause) {
        super(message, cause);
    }
}
