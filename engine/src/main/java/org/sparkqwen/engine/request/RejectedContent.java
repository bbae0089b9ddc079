package org.sparkqwen.engine.request;

/// Thrown if a request's content cannot be processed. The message becomes the request's result, so this never leaves
/// the engine.
public final class RejectedContent extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String reason;

    /// Makes an exception without a stack trace, because a run may reject millions of rows.
    ///
    /// @param reason what is wrong with the content, for a person
    public RejectedContent(String reason) {
        super(reason, null, false, false);
        this.reason = reason;
    }

    /// Returns what is wrong with the content, for a person.
    public String reason() {
        return reason;
    }
}
