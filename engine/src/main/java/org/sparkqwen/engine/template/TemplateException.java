package org.sparkqwen.engine.template;

import org.sparkqwen.engine.message.Quote;

/// Thrown if a template cannot be parsed, or cannot be rendered with its input. The message is one line for a
/// person.
public final class TemplateException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private boolean located; // whether the message names a line, or needs none

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
        exception.located = true; // the line at which it became too deep says nothing
        return exception;
    }

    /// Returns this exception with the line of the template in its message, unless it names one already.
    TemplateException inLine(int line) {
        return located ? this : inLine(line, String.valueOf(getMessage()));
    }

    /// Makes a message one line. A template may raise an exception with any text, even one from a row.
    private static String oneLine(String message) {
        String beginning = message.substring(0, Math.min(message.length(), 2 * Quote.LONGEST_LINE));
        return Quote.line(beginning.replaceAll("[\\p{Cntrl}\\u0080-\\u009f\\u2028\\u2029]+", " "));
    }
}
