package org.sparkqwen.engine.tokenizer;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Unicode normalization form C with the tables of Unicode 9, as in Hugging Face's tokenizers.
///
/// `java.text.Normalizer` knows Unicode 16, and it takes quadratic time on long runs of combining marks. So
/// only its knowledge of single characters is used, to build the tables once. The algorithm (Unicode Standard
/// Annex 15) is in this class.
///
/// Nearly all text is normal already. It consists of inert characters, and one look at each finds that out.
/// Other text is processed in segments: an inert character, which nothing before it can change, and the
/// characters up to the next inert one.
final class CanonicalComposition {
    /// The first code point that may combine. All characters below it are inert.
    private static final int FIRST_COMBINING = 0x300;

    /// The end of the tables: the code point after the last that any table lists.
    private static final int END = 0x2FA1E;

    // Kinds of code points. A positive kind is a combining class, renumbered from 1 in the same order.

    /// The character is normal by itself, and nothing before it can change it.
    private static final byte INERT = 0;

    /// The character composes with a character before it, although its combining class is 0.
    private static final byte SECOND = -1;

    /// The character decomposes and does not compose again.
    private static final byte DECOMPOSES = -2;

    private static final byte[] KINDS = new byte[END];
    private static final Map<Integer, int[]> DECOMPOSITIONS = new HashMap<>();
    private static final Map<Long, Integer> COMPOSITIONS = new HashMap<>();

    // Hangul syllables are composed by arithmetic (The Unicode Standard, section 3.12).
    private static final int SYLLABLE = 0xAC00;
    private static final int LEADING = 0x1100;
    private static final int VOWEL = 0x1161;
    private static final int TRAILING = 0x11A7; // index 0 means that there is no trailing consonant
    private static final int VOWELS = 21;
    private static final int TRAILINGS = 28;
    private static final int LEADINGS = 19;

    /// The code points that combine since a later version of Unicode than 9, as the first and last of each
    /// range. Hugging Face's tokenizers treat them as unassigned and therefore inert.
    private static final int[] UNKNOWN = {
        0x7FD, 0x7FD, 0x897, 0x89F, 0x8CA, 0x8D3, 0x9FE, 0x9FE, 0xC3C, 0xC3C, 0xD3B, 0xD3C,
        0xEBA, 0xEBA, 0x1715, 0x1715, 0x1ABF, 0x1ACE, 0x1DF6, 0x1DFA, 0xA82C, 0xA82C, 0x105C9, 0x105C9,
        0x105E4, 0x105E4, 0x10D24, 0x10D27, 0x10D69, 0x10D6D, 0x10EAB, 0x10EAC, 0x10EFD, 0x10EFF, 0x10F46, 0x10F50,
        0x10F82, 0x10F85, 0x11070, 0x11070, 0x1133B, 0x1133B, 0x11383, 0x113D0, 0x1145E, 0x1145E, 0x11839, 0x1183A,
        0x11938, 0x11943, 0x119E0, 0x119E0, 0x11A34, 0x11A34, 0x11A47, 0x11A47, 0x11A99, 0x11A99, 0x11D42, 0x11D45,
        0x11D97, 0x11D97, 0x11F41, 0x11F42, 0x16121, 0x1612F, 0x16D68, 0x16D6A, 0x16FF0, 0x16FF1, 0x1E08F, 0x1E08F,
        0x1E130, 0x1E136, 0x1E2AE, 0x1E2AE, 0x1E2EC, 0x1E2EF, 0x1E4EC, 0x1E4EF, 0x1E5EE, 0x1E5EF,
    };

    static {
        List<Integer> marks = new ArrayList<>();
        for (int c = 0xC0; c < END; c++) {
            // The large blocks without an entry, and the surrogates, are skipped to save time.
            c = switch (c) {
                case 0x3400 -> 0xA000;
                case SYLLABLE -> 0xF900;
                case 0x20000 -> 0x2F800;
                default -> c;
            };
            if (!isUnknown(c) && !enterDecomposition(c) && isMark(c)) {
                marks.add(c);
            }
        }
        rank(marks);
        COMPOSITIONS.keySet().forEach(pair -> enterSecond((int) (pair & 0x1FFFFF)));
        for (int i = 0; i < VOWELS; i++) {
            enterSecond(VOWEL + i);
        }
        for (int i = 1; i < TRAILINGS; i++) {
            enterSecond(TRAILING + i);
        }
    }

    private CanonicalComposition() {}

    /// Returns `text` in normalization form C.
    ///
    /// @param text without lone surrogates
    static String compose(String text) {
        StringBuilder out = null;
        int copied = 0;
        int inert = -1; // the index of the inert character before i, or -1 if there is none
        for (int i = 0; i < text.length(); ) {
            int c = text.charAt(i);
            if (c < FIRST_COMBINING) {
                inert = i++;
                continue;
            }
            c = text.codePointAt(i);
            if (kind(c) == INERT) {
                inert = i;
                i += Character.charCount(c);
                continue;
            }
            int end = endOfSegment(text, i);
            int start = inert < 0 ? i : inert;
            out = out == null ? new StringBuilder(text.length()) : out;
            out.append(text, copied, start);
            composeSegment(text, start, end, out);
            copied = end;
            i = end;
        }
        return out == null ? text : out.append(text, copied, text.length()).toString();
    }

    private static int endOfSegment(String text, int start) {
        int end = start;
        while (end < text.length()) {
            int c = text.codePointAt(end);
            if (kind(c) == INERT) {
                break;
            }
            end += Character.charCount(c);
        }
        return end;
    }

    private static void composeSegment(String text, int start, int end, StringBuilder out) {
        int[] points = new int[4 * (end - start)]; // no character decomposes to more than 4
        int count = decompose(text, start, end, points);
        reorder(points, count);
        count = recompose(points, count);
        for (int i = 0; i < count; i++) {
            out.appendCodePoint(points[i]);
        }
    }

    private static int decompose(String text, int start, int end, int[] points) {
        int count = 0;
        for (int i = start; i < end; ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            int syllable = c - SYLLABLE;
            int[] decomposed = DECOMPOSITIONS.get(c);
            if (0 <= syllable && syllable < LEADINGS * VOWELS * TRAILINGS) {
                points[count++] = LEADING + syllable / (VOWELS * TRAILINGS);
                points[count++] = VOWEL + syllable / TRAILINGS % VOWELS;
                if (syllable % TRAILINGS > 0) {
                    points[count++] = TRAILING + syllable % TRAILINGS;
                }
            } else if (decomposed != null) {
                System.arraycopy(decomposed, 0, points, count, decomposed.length);
                count += decomposed.length;
            } else {
                points[count++] = c;
            }
        }
        return count;
    }

    /// Sorts each run of marks by combining class. Marks of the same class keep their order.
    private static void reorder(int[] points, int count) {
        for (int start = 0; start < count; ) {
            int end = start;
            boolean sorted = true;
            while (end < count && kind(points[end]) > 0) {
                sorted &= end == start || kind(points[end - 1]) <= kind(points[end]);
                end++;
            }
            if (!sorted) {
                long[] keys = new long[end - start];
                for (int i = start; i < end; i++) {
                    keys[i - start] = ((long) kind(points[i]) << 53) | ((long) (i - start) << 21) | points[i];
                }
                Arrays.sort(keys);
                for (int i = start; i < end; i++) {
                    points[i] = (int) (keys[i - start] & 0x1FFFFF);
                }
            }
            start = end + 1;
        }
    }

    /// Composes in place and returns how many code points are left.
    private static int recompose(int[] points, int count) {
        int kept = 0;
        int starter = -1;
        int lastClass = -1; // the class of the last character kept since the starter, or -1 if there is none
        for (int i = 0; i < count; i++) {
            int c = points[i];
            int combiningClass = Math.max(kind(c), 0);
            if (starter >= 0 && lastClass < combiningClass) {
                int composite = composite(points[starter], c);
                if (composite >= 0) {
                    points[starter] = composite;
                    continue;
                }
            }
            if (combiningClass == 0) {
                starter = kept;
                lastClass = -1;
            } else {
                lastClass = combiningClass;
            }
            points[kept++] = c;
        }
        return kept;
    }

    /// Returns the code point to which the two compose, or -1.
    private static int composite(int first, int second) {
        int leading = first - LEADING;
        int vowel = second - VOWEL;
        if (0 <= leading && leading < LEADINGS && 0 <= vowel && vowel < VOWELS) {
            return SYLLABLE + (leading * VOWELS + vowel) * TRAILINGS;
        }
        int syllable = first - SYLLABLE;
        int trailing = second - TRAILING;
        if (0 <= syllable
                && syllable < LEADINGS * VOWELS * TRAILINGS
                && syllable % TRAILINGS == 0
                && 0 < trailing
                && trailing < TRAILINGS) {
            return first + trailing;
        }
        return COMPOSITIONS.getOrDefault(pair(first, second), -1);
    }

    private static byte kind(int codePoint) {
        return codePoint < END ? KINDS[codePoint] : INERT;
    }

    private static long pair(int first, int second) {
        return ((long) first << 21) | second;
    }

    private static boolean isUnknown(int codePoint) {
        for (int i = 0; i < UNKNOWN.length; i += 2) {
            if (UNKNOWN[i] <= codePoint && codePoint <= UNKNOWN[i + 1]) {
                return true;
            }
        }
        return false;
    }

    /// Enters the decomposition of `c`, and the composition that leads back to it. Returns false if it has
    /// none.
    private static boolean enterDecomposition(int c) {
        String text = Character.toString(c);
        String decomposed = Normalizer.normalize(text, Normalizer.Form.NFD);
        if (decomposed.equals(text)) {
            return false;
        }
        int[] points = decomposed.codePoints().toArray();
        DECOMPOSITIONS.put(c, points);
        if (Normalizer.normalize(decomposed, Normalizer.Form.NFC).equals(text)) {
            // It is composed of two: the composition of all code points but the last, and the last one.
            String first = Normalizer.normalize(new String(points, 0, points.length - 1), Normalizer.Form.NFC);
            COMPOSITIONS.put(pair(first.codePointAt(0), points[points.length - 1]), c);
        } else {
            KINDS[c] = DECOMPOSES;
        }
        return true;
    }

    /// Tells whether the combining class is not 0. Two marks show that: U+0334, of the lowest class that
    /// occurs with others, and U+0345, of the highest class.
    private static boolean isMark(int c) {
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK ->
                isBefore(0x334, c) || isBefore(c, 0x345);
            default -> false;
        };
    }

    /// Tells whether the combining class of `a` is lower than that of `b`, and neither is 0. The two then
    /// change places.
    private static boolean isBefore(int a, int b) {
        String wrong = Character.toString(b) + Character.toString(a);
        return !Normalizer.isNormalized(wrong, Normalizer.Form.NFD);
    }

    /// Numbers the classes of `marks`. Only their order matters, and the JDK tells nothing else.
    private static void rank(List<Integer> marks) {
        marks.sort((a, b) -> isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0);
        byte rank = 1;
        for (int i = 0; i < marks.size(); i++) {
            if (i > 0 && isBefore(marks.get(i - 1), marks.get(i))) {
                rank++;
            }
            KINDS[marks.get(i)] = rank;
        }
    }

    private static void enterSecond(int c) {
        if (KINDS[c] == INERT) {
            KINDS[c] = SECOND;
        }
    }
}
