package org.sparkqwen.engine.hostcache;

import org.sparkqwen.engine.message.Quote;

/// Thrown if a model cannot be copied to this host. The message is one line for a person: from where or to where, why
/// not, what to do. What was copied is kept, and the next try continues from there.
public final class ModelCopyException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ModelCopyException(String message) {
        super(Quote.line(message));
    }

    public ModelCopyException(String message, Throwable cause) {
        super(Quote.line(message), cause);
    }
}
