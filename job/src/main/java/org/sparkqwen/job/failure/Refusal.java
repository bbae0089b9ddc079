package org.sparkqwen.job.failure;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// The run cannot start or go on, and a person can mend it. The message is one line: what is wrong, where, what to do;
/// whatever it quotes, it is escaped, cut, and without passwords.
public final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int exitCode;

    private Refusal(int exitCode, String message, @Nullable Throwable cause) {
        super(Quote.line(message), cause);
        this.exitCode = exitCode;
    }

    /// An option's value is wrong: exit code 2.
    public static Refusal usage(String message) {
        return new Refusal(2, message, null);
    }

    /// A value that a settings record refused: exit code 2.
    public static Refusal usage(IllegalArgumentException refused) {
        return usage(String.valueOf(refused.getMessage()));
    }

    /// The run failed: exit code 1.
    public static Refusal failure(String message) {
        return new Refusal(1, message, null);
    }

    /// The run failed of `cause`, which `--verbose` shows: exit code 1.
    public static Refusal failure(String message, Throwable cause) {
        return new Refusal(1, message, cause);
    }

    public int exitCode() {
        return exitCode;
    }
}
