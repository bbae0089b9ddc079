package org.sparkqwen.engine.template;

/// A template cannot be read, or cannot be rendered with what it was given. The message is one line for a person.
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private boolean located; // the message names a line

    TemplateException(String message) {
        super(message.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]+", " "), null, false, false);
    }

    private TemplateException(int line, String message) {
        this("line %d: %s".formatted(line, message));
        located = true;
    }

    static TemplateException inLine(int line, String message) {
        return new TemplateException(line, message);
    }

    /// The same, naming a line of the template unless it does so already.
    TemplateException inLine(int line) {
        return located ? this : inLine(line, String.valueOf(getMessage()));
    }
}
