package org.sparkqwen.engine.message;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Shows text from outside in a message, a log line or a manifest; nothing else does.
///
/// A model, a row, a file name or an option can hold control characters, terminal escape sequences, line breaks,
/// characters that change the writing direction, or a hundred megabytes. None of that may reach a terminal or a log,
/// because it could forge lines, hide text, or fill the disk. Nor may a password, so everything that is shown has
/// passed through [Redaction].
public final class Quote {
    /// The most characters of a quoted value.
    public static final int LONGEST_VALUE = 100;

    /// The most characters of a whole message.
    public static final int LONGEST_LINE = 4_000;

    private static final int MOST_LISTED = 10;

    private static final String CUT = "…";

    /// The number of characters of a text in which secrets are searched; what is shown is less.
    private static final int LOOKED_AT = 3 * LONGEST_LINE;

    private Quote() {}

    /// Shows one value: a name, a key, a text from a file or a row. It is escaped, and cut after 100 characters.
    ///
    /// @return the text without quotation marks, which belong to the message
    public static String of(@Nullable Object value) {
        return shown(String.valueOf(value), LONGEST_VALUE);
    }

    /// Shows the first ten of several values, and how many more there are.
    public static String list(List<String> values) {
        String first = values.stream().limit(MOST_LISTED).map(Quote::of).collect(Collectors.joining(", "));
        return values.size() > MOST_LISTED ? "%s and %,d more".formatted(first, values.size() - MOST_LISTED) : first;
    }

    /// Shows a whole message of somebody else's, such as an exception's. It is escaped, so it is one line, and cut
    /// after 4,000 characters.
    public static String line(@Nullable String message) {
        return shown(String.valueOf(message), LONGEST_LINE);
    }

    /// Whether a character is shown as it is. Control characters, format characters (bidirectional ones among
    /// them), line and paragraph separators, lone surrogates and invalid characters are not.
    public static boolean isPlain(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED -> false;
            default -> true;
        };
    }

    private static String shown(String whole, int longest) {
        String text = Redaction.of(whole.length() > LOOKED_AT ? whole.substring(0, LOOKED_AT) : whole);
        StringBuilder shown = new StringBuilder(Math.min(text.length(), longest) + 8);
        int characters = 0;
        for (int i = 0; i < text.length(); ) {
            if (characters++ == longest) {
                return shown.append(CUT).toString();
            }
            int codePoint = text.codePointAt(i);
            append(shown, codePoint);
            i += Character.charCount(codePoint);
        }
        return shown.toString();
    }

    private static void append(StringBuilder shown, int codePoint) {
        switch (codePoint) {
            case '\n' -> shown.append("\\n");
            case '\r' -> shown.append("\\r");
            case '\t' -> shown.append("\\t");
            default -> {
                if (isPlain(codePoint)) {
                    shown.appendCodePoint(codePoint);
                } else if (Character.isBmpCodePoint(codePoint)) {
                    shown.append("\\u%04x".formatted(codePoint));
                } else {
                    shown.append("\\u{%x}".formatted(codePoint));
                }
            }
        }
    }
}
