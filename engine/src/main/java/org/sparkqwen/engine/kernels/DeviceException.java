package org.sparkqwen.engine.kernels;

/// A GPU cannot compute. The message is one line for a person.
public final class DeviceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Reason reason;

    /// The reasons why a GPU cannot compute, which differ in what helps.
    public enum Reason {
        /// There is no GPU, driver or code for it. Another host may have them.
        UNAVAILABLE,

        /// The GPU's memory is full. A smaller batch may fit.
        OUT_OF_MEMORY,

        /// The GPU failed in the middle of work, and this process cannot use it any more. Another one can.
        LOST
    }

    public DeviceException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    public Reason reason() {
        return reason;
    }
}
