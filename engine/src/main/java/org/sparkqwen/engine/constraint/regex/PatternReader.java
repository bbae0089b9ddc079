package org.sparkqwen.engine.constraint.regex;

import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Reads a regular expression from left to right, and reports the positions of errors.
final class PatternReader {
    private final String pattern;
    private int position;

    PatternReader(String pattern) {
        this.pattern = pattern;
    }

    /// Returns how many chars were read. Messages tell this position.
    int position() {
        return position;
    }

    boolean atEnd() {
        return position == pattern.length();
    }

    /// Tells whether `text` follows.
    boolean isNext(String text) {
        return pattern.startsWith(text, position);
    }

    /// Skips `text` if it follows.
    boolean skip(String text) {
        boolean there = isNext(text);
        if (there) {
            position += text.length();
        }
        return there;
    }

    /// Returns everything that follows.
    String rest() {
        return pattern.substring(position);
    }

    /// Reads the next code point. There must be one.
    int next() {
        int c = pattern.codePointAt(position);
        if (Character.MIN_SURROGATE <= c && c <= Character.MAX_SURROGATE) {
            throw wrong("half a surrogate pair", position);
        }
        position += Character.charCount(c);
        return c;
    }

    /// Reads up to `end`, and skips `end`.
    ///
    /// @param opening what `end` closes, for the message
    /// @param start the position of `opening`
    String until(char end, String opening, int start) {
        int found = pattern.indexOf(end, position);
        if (found < 0) {
            throw wrong("%s without a %c".formatted(opening, end), start);
        }
        String between = pattern.substring(position, found);
        position = found + 1;
        return between;
    }

    /// Reads the number that follows, with as many digits as there are.
    ///
    /// @param most the greatest number of digits
    /// @param fault what is wrong if there are no digits, or more
    /// @param start the position of the fault
    int number(int radix, int most, String fault, int start) {
        int first = position;
        while (isDigit(position, radix)) {
            position++;
        }
        if (position == first || position - first > most) {
            throw wrong(fault, start);
        }
        return Integer.parseInt(pattern, first, position, radix);
    }

    /// Reads a number of exactly `digits` hexadecimal digits.
    int hexadecimal(int digits, String fault, int start) {
        for (int i = 0; i < digits; i++) {
            if (!isDigit(position + i, 16)) {
                throw wrong(fault, start);
            }
        }
        position += digits;
        return Integer.parseInt(pattern, position - digits, position, 16);
    }

    boolean isDigitNext() {
        return isDigit(position, 10);
    }

    private boolean isDigit(int place, int radix) {
        return place < pattern.length()
                && pattern.charAt(place) < 0x80
                && Character.digit(pattern.charAt(place), radix) >= 0;
    }

    RefusedConstraint wrong(String what, int at) {
        return new RefusedConstraint("%s at position %d".formatted(what, at));
    }

    RefusedConstraint unsupported(String what, int at, String advice) {
        return new RefusedConstraint("%s at position %d is not supported; %s".formatted(what, at, advice));
    }
}
