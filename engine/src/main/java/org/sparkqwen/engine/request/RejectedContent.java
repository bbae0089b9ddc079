package org.sparkqwen.engine.request;

/// Thrown if a request's content cannot be processed. The message becomes the request's result, so this never leaves
/// the engine.
public final class RejectedContent extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String reason;

    public RejectedContent(String reason) {
        super(reason, null, false, false);
        this.reason = reason;
    }

    public String reason() {
        return reason;
    }
}
