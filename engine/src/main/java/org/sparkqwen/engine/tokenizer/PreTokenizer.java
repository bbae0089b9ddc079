package org.sparkqwen.engine.tokenizer;

/// Splits text into the words that byte-pair encoding treats one by one. It is Qwen's regular expression,
/// written as code.
///
/// The code shows which characters each alternative takes, and its time is linear, because no character is
/// looked at more than four times. The pattern has the meaning that it has in Oniguruma, the engine of
/// Hugging Face's tokenizers: `(?i:…)` folds as Unicode does, and `\s` is Unicode white space. Oniguruma's
/// tables are those of Unicode 16, as in Java 25. The differential tests check that.
final class PreTokenizer {
    /// The pattern that [#end] follows, as it is in tokenizer.json.
    static final String PATTERN = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
            + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
            + "|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+"
            + "|\\s+(?!\\S)"
            + "|\\s+";

    /// The kind `\p{L}`.
    private static final byte LETTER = 0;

    /// The kind `\p{N}`.
    private static final byte NUMBER = 1;

    /// The kind `[\r\n]`.
    private static final byte NEWLINE = 2;

    /// The kind `\s` without newlines.
    private static final byte SPACE = 3;

    /// The kind `[^\s\p{L}\p{N}]`.
    private static final byte OTHER = 4;

    private static final byte[] KIND_OF_CHAR = new byte[1 << 16];

    static {
        for (int c = 0; c < KIND_OF_CHAR.length; c++) {
            KIND_OF_CHAR[c] = kindOf(c);
        }
    }

    private PreTokenizer() {}

    /// Returns the end of the word that begins at `start`. The alternatives are tried in the pattern's order.
    ///
    /// @param text must not have lone surrogates
    /// @param start before the end of `text`
    static int end(String text, int start) {
        byte kind = kindAt(text, start);
        int second = start + width(text, start);
        if (kind == LETTER) {
            // [^\r\n\p{L}\p{N}]?\p{L}+ without the optional character
            return endOfLetters(text, second);
        }
        if (kind == NUMBER) {
            // \p{N}
            return second;
        }
        if (text.charAt(start) == '\'') {
            // (?i:'s|'t|'re|'ve|'m|'ll|'d)
            int end = endOfContraction(text, second);
            if (end > 0) {
                return end;
            }
        }
        byte next = second < text.length() ? kindAt(text, second) : NEWLINE;
        if (kind != NEWLINE && next == LETTER) {
            // [^\r\n\p{L}\p{N}]?\p{L}+ with it
            return endOfLetters(text, second);
        }
        if (kind == OTHER || (text.charAt(start) == ' ' && next == OTHER)) {
            //  ?[^\s\p{L}\p{N}]+[\r\n]*
            return endOfNewlines(text, endOfOthers(text, second));
        }
        return endOfWhiteSpace(text, start);
    }

    /// Returns the end of one of the three alternatives that begin with white space, for the run of white
    /// space from `start`.
    private static int endOfWhiteSpace(String text, int start) {
        int end = start;
        int lastNewline = -1;
        while (end < text.length()) {
            byte kind = KIND_OF_CHAR[text.charAt(end)]; // all white space is in the basic plane
            if (kind == NEWLINE) {
                lastNewline = end;
            } else if (kind != SPACE) {
                break;
            }
            end++;
        }
        if (lastNewline >= 0) {
            // \s*[\r\n]+ gives back what follows the last newline.
            return lastNewline + 1;
        }
        if (end < text.length() && end - start > 1) {
            // \s+(?!\S) leaves the last one to the next word.
            return end - 1;
        }
        // This is \s+(?!\S) at the end of the text, or \s+ for a single one.
        return end;
    }

    /// Returns the end of the contraction whose apostrophe stands before `i`, or -1 if there is none.
    private static int endOfContraction(String text, int i) {
        if (i >= text.length()) {
            return -1;
        }
        // Only one character other than ASCII is folded to these letters by Unicode: ſ, U+017F.
        return switch (text.charAt(i)) {
            case 's', 'S', 'ſ', 't', 'T', 'm', 'M', 'd', 'D' -> i + 1;
            case 'r', 'R', 'v', 'V' -> endOfLetter(text, i + 1, 'e', 'E');
            case 'l', 'L' -> endOfLetter(text, i + 1, 'l', 'L');
            default -> -1;
        };
    }

    private static int endOfLetter(String text, int i, char small, char capital) {
        return i < text.length() && (text.charAt(i) == small || text.charAt(i) == capital) ? i + 1 : -1;
    }

    private static int endOfLetters(String text, int start) {
        int i = start;
        while (i < text.length() && kindAt(text, i) == LETTER) {
            i += width(text, i);
        }
        return i;
    }

    private static int endOfOthers(String text, int start) {
        int i = start;
        while (i < text.length() && kindAt(text, i) == OTHER) {
            i += width(text, i);
        }
        return i;
    }

    private static int endOfNewlines(String text, int start) {
        int i = start;
        while (i < text.length() && KIND_OF_CHAR[text.charAt(i)] == NEWLINE) {
            i++;
        }
        return i;
    }

    /// Tells whether a char is in `\s`. All white space is in the basic plane.
    static boolean isWhiteSpace(char c) {
        return KIND_OF_CHAR[c] == SPACE || KIND_OF_CHAR[c] == NEWLINE;
    }

    private static byte kindAt(String text, int i) {
        char c = text.charAt(i);
        return Character.isHighSurrogate(c) ? kindOf(text.codePointAt(i)) : KIND_OF_CHAR[c];
    }

    /// Returns the width of a character in chars. In text without lone surrogates, the second char need not
    /// be checked.
    private static int width(String text, int i) {
        return Character.isHighSurrogate(text.charAt(i)) ? 2 : 1;
    }

    private static byte kindOf(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.UPPERCASE_LETTER,
                    Character.LOWERCASE_LETTER,
                    Character.TITLECASE_LETTER,
                    Character.MODIFIER_LETTER,
                    Character.OTHER_LETTER -> LETTER;
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> NUMBER;
            case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> SPACE;
            default ->
                switch (codePoint) {
                    case '\r', '\n' -> NEWLINE;
                    case '\t', 0x0B, '\f', 0x85 -> SPACE; // the control characters that are white space
                    default -> OTHER;
                };
        };
    }
}
