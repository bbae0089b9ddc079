package org.sparkqwen.engine.adapter;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// A regular expression of an untrusted file. A match that takes too many steps is given up, because some expressions
/// take exponential time.
final class BoundedPattern {
    private static final int MOST_CHARACTERS = 4096;

    /// The most characters that a match may look at. Module names have some 50 characters.
    private static final int MOST_STEPS = 100_000;

    /// The most characters of a name, because the matcher's stack grows with them.
    static final int MOST_NAME_CHARACTERS = 512;

    private final Pattern pattern;

    private BoundedPattern(Pattern pattern) {
        this.pattern = pattern;
    }

    /// @throws IllegalArgumentException if the expression is too long, or if Java has no such expression
    static BoundedPattern of(String regex) {
        if (regex.length() > MOST_CHARACTERS) {
            throw new IllegalArgumentException(
                    "a regular expression of %,d characters, more than %,d".formatted(regex.length(), MOST_CHARACTERS));
        }
        try {
            return new BoundedPattern(Pattern.compile(regex));
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "no regular expression that is read here: %s near character %d"
                            .formatted(e.getDescription(), e.getIndex()),
                    e);
        }
    }

    /// Whether the expression matches all of a name.
    ///
    /// @throws IllegalArgumentException if that takes too many steps
    boolean matches(String name) {
        return name.length() <= MOST_NAME_CHARACTERS
                && pattern.matcher(new CountedText(name, new int[] {MOST_STEPS}))
                        .matches();
    }

    /// A text that counts how often a character of it is looked at.
    ///
    /// @param left the looks that are left, shared by the text and its parts
    private record CountedText(CharSequence text, int[] left) implements CharSequence {
        @Override
        public int length() {
            return text.length();
        }

        @Override
        public char charAt(int index) {
            if (--left[0] < 0) {
                throw new IllegalArgumentException(
                        "a regular expression that takes too long to match; list the modules instead");
            }
            return text.charAt(index);
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return new CountedText(text.subSequence(start, end), left);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}
