package org.sparkqwen.engine.modelfile;

import org.sparkqwen.engine.message.Quote;

/// Thrown if a model directory cannot be used. The message is one line for a person: which file, what is wrong with it,
/// what to do. It may hold names from untrusted files, which must not forge lines of a log or control a terminal, so
/// unprintable characters are escaped.
public final class InvalidModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public InvalidModelException(String message) {
        super(Quote.line(message));
    }

    public InvalidModelException(String message, Throwable cause) {
        super(Quote.line(message), cause);
    }
}
