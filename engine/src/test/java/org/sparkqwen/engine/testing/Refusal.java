package org.sparkqwen.engine.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.util.Objects;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Checks how a broken model is refused: with [InvalidModelException] and one line.
public final class Refusal {
    private Refusal() {}

    /// Returns the line with which `use` is refused.
    public static String messageOf(ThrowingCallable use) {
        Throwable refusal = catchThrowable(use);
        assertThat(refusal).isInstanceOf(InvalidModelException.class);
        String message = Objects.requireNonNull(refusal.getMessage());
        assertThat(message).hasLineCount(1);
        return message;
    }
}
