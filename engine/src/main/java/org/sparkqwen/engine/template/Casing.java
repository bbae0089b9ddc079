package org.sparkqwen.engine.template;

import java.util.Locale;

/// Changes texts to upper case and to lower case, in time that grows linearly with the text. The time of
/// String's own methods is quadratic where a letter becomes several, and where a sigma may be the last letter
/// of its word.
final class Casing {
    /// The number of chars that are passed to String's methods at once.
    private static final int PIECE = 64;

    private static final char SIGMA = '\u03a3';
    private static final char SMALL_SIGMA = '\u03c3';
    private static final char FINAL_SIGMA = '\u03c2';

    /// The punctuation that may stand within a word.
    private static final String IN_WORDS =
            "'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024" + "\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";

    private Casing() {}

    static String upper(String chars) {
        StringBuilder upper = new StringBuilder(chars.length());
        for (int start = 0; start < chars.length(); ) {
            int end = endOfPiece(chars, start, chars.length());
            upper.append(chars.substring(start, end).toUpperCase(Locale.ROOT));
            start = end;
        }
        return upper.toString();
    }

    /// Returns `chars` from index `from` on in lower case. The chars before `from` only decide how a sigma is
    /// written.
    static String lower(String chars, int from, Budget budget) {
        StringBuilder lower = new StringBuilder(chars.length());
        int start = from;
        while (start < chars.length()) {
            int sigma = chars.indexOf(SIGMA, start);
            int last = sigma < 0 ? chars.length() : sigma;
            while (start < last) {
                int end = endOfPiece(chars, start, last);
                lower.append(chars.substring(start, end).toLowerCase(Locale.ROOT));
                start = end;
            }
            if (sigma >= 0) {
                budget.step();
                lower.append(isFinal(chars, sigma, budget) ? FINAL_SIGMA : SMALL_SIGMA);
                start = sigma + 1;
            }
        }
        return lower.toString();
    }

    private static int endOfPiece(String chars, int start, int last) {
        int end = Math.min(start + PIECE, last);
        return end < last && Character.isHighSurrogate(chars.charAt(end - 1)) ? end + 1 : end;
    }

    /// Tells whether the sigma at `place` is final as Unicode defines it: it follows a cased letter, and no
    /// cased letter follows it.
    private static boolean isFinal(String chars, int place, Budget budget) {
        int before = place;
        while (before > 0 && isIgnored(chars.codePointBefore(before))) {
            budget.step();
            before -= Character.charCount(chars.codePointBefore(before));
        }
        if (before == 0 || !isCased(chars.codePointBefore(before))) {
            return false;
        }
        int after = place + 1;
        while (after < chars.length() && isIgnored(chars.codePointAt(after))) {
            budget.step();
            after += Character.charCount(chars.codePointAt(after));
        }
        return after == chars.length() || !isCased(chars.codePointAt(after));
    }

    private static boolean isCased(int c) {
        return Character.isLowerCase(c) || Character.isUpperCase(c) || Character.isTitleCase(c);
    }

    private static boolean isIgnored(int c) {
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK,
                    Character.ENCLOSING_MARK,
                    Character.FORMAT,
                    Character.MODIFIER_LETTER,
                    Character.MODIFIER_SYMBOL -> true;
            default -> IN_WORDS.indexOf(c) >= 0;
        };
    }
}
