package org.sparkqwen.job.failure;

import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// Says that the run cannot start or continue, and that a person can fix it. The message is one line: what is wrong,
/// where, and what to do. Whatever it quotes is escaped, cut, and without passwords.
public final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private static final Pattern MODEL = Pattern.compile("--model(?![a-z-])");

    private final int exitCode;

    private Refusal(int exitCode, String message, @Nullable Throwable cause) {
        super(Quote.line(message), cause);
        this.exitCode = exitCode;
    }

    /// Refuses an option's value, with exit code 2.
    public static Refusal usage(String message) {
        return new Refusal(2, message, null);
    }

    /// Refuses a value that a settings record has refused, with exit code 2.
    public static Refusal usage(IllegalArgumentException refused) {
        return usage(String.valueOf(refused.getMessage()));
    }

    /// Says that the run failed, with exit code 1.
    public static Refusal failure(String message) {
        return new Refusal(1, message, null);
    }

    /// Says that the run failed because of `cause`, which `--verbose` shows, with exit code 1.
    public static Refusal failure(String message, Throwable cause) {
        return new Refusal(1, message, cause);
    }

    /// Returns the value of a source that refuses what `--model` names, for another option that names a model's
    /// files: what it refuses is said of that option.
    public static <T> T about(String option, Supplier<T> source) {
        try {
            return source.get();
        } catch (Refusal e) {
            throw new Refusal(
                    e.exitCode, MODEL.matcher(String.valueOf(e.getMessage())).replaceAll(option), e);
        }
    }

    public int exitCode() {
        return exitCode;
    }
}
