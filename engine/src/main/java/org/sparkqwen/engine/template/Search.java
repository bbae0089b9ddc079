package org.sparkqwen.engine.template;

/// Finds strings in strings, and charges for the characters that it looks at. With a hostile pair of strings
/// it looks at many times as many characters as the text has.
final class Search {
    private Search() {}

    /// Returns the index of the first `part` in `text` at or after `from`, or -1.
    static int first(String text, String part, int from, Budget budget) {
        int last = text.length() - part.length();
        if (part.isEmpty()) {
            return from <= last ? from : -1;
        }
        for (int at = from; at <= last; at++) {
            int begins = text.indexOf(part.charAt(0), at, last + 1);
            budget.scan((begins < 0 ? last + 1 : begins) - at);
            if (begins < 0) {
                return -1;
            }
            if (isAt(text, begins, part, budget)) {
                return begins;
            }
            at = begins;
        }
        return -1;
    }

    /// Returns the index of the last `part` in `text` at or before `from`, or -1.
    static int last(String text, String part, int from, Budget budget) {
        int at = Math.min(from, text.length() - part.length());
        if (part.isEmpty()) {
            return at;
        }
        while (at >= 0) {
            int begins = text.lastIndexOf(part.charAt(0), at);
            budget.scan(at - begins);
            if (begins < 0 || isAt(text, begins, part, budget)) {
                return begins;
            }
            at = begins - 1;
        }
        return -1;
    }

    static boolean startsWith(Text text, Text prefix, Budget budget) {
        budget.scan(prefix.length());
        return text.toString().startsWith(prefix.toString());
    }

    static boolean endsWith(Text text, Text suffix, Budget budget) {
        budget.scan(suffix.length());
        return text.toString().endsWith(suffix.toString());
    }

    /// @param at at most the index at which `part` would reach the end of `text`
    private static boolean isAt(String text, int at, String part, Budget budget) {
        int same = 1;
        while (same < part.length() && text.charAt(at + same) == part.charAt(same)) {
            same++;
        }
        budget.scan(same);
        return same == part.length();
    }
}
