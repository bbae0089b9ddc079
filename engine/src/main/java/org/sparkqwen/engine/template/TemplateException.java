package org.sparkqwen.engine.template;

import org.sparkqwen.engine.message.Quote;

/// A template cannot be read, or cannot be rendered with what it was given. The message is one line for a person.
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private boolean located; // the message names a line, or needs none

    public TemplateException(String message) {
        super(oneLine(message), null, false, false);
    }

    private TemplateException(int line, String message) {
        this("line %d: %s".formatted(line, message));
        located = true;
    }

    static TemplateException inLine(int line, String message) {
        return new TemplateException(line, message);
    }

    static TemplateException tooDeep() {
        TemplateException exception = new TemplateException("the template nests too deep");
        exception.located = true; // the line where it became too deep says nothing
        return exception;
    }

    /// The same, naming a line of the template unless it does so already.
    TemplateException inLine(int line) {
        return located ? this : inLine(line, String.valueOf(getMessage()));
    }

    /// A template may raise an exception with any text, of a row, too.
    private static String oneLine(String message) {
        String beginning = message.substring(0, Math.min(message.length(), 2 * Quote.LONGEST_LINE));
        return Quote.line(beginning.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]+", " "));
    }
}
