package org.sparkqwen.engine;

/// A request's content cannot be worked on; the message becomes its result. Never leaves the engine.
final class RejectedContent extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String reason;

    RejectedContent(String reason) {
        super(reason, null, false, false);
        this.reason = reason;
    }

    String reason() {
        return reason;
    }
}
