package org.sparkqwen.engine.request;

/// A request's content cannot be worked on; the message becomes its result. Never leaves the engine.
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
