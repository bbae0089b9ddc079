package org.sparkqwen.engine.tokenizer;

/// Turns UTF-8 that arrives byte by byte into text; what is malformed becomes U+FFFD.
///
/// One U+FFFD for each maximal prefix of a well-formed sequence, else for each byte: the practice that the Unicode
/// standard recommends (chapter 3, "U+FFFD Substitution of Maximal Subparts") and that Hugging Face's decoder follows.
/// `new String(bytes, UTF_8)` does not: it gives one U+FFFD for a whole encoded surrogate where this gives three.
final class Utf8Decoder {
    private static final char REPLACEMENT = '\uFFFD';

    /// The bits of the unfinished character so far.
    private int codePoint;

    /// Continuation bytes that it still needs; 0 between characters.
    private int missing;

    /// The range of its next continuation byte, narrower than 80..BF after E0, ED, F0 and F4.
    private int lowest;

    private int highest;

    /// Appends to `out` all text that `bytes` completes.
    void decode(byte[] bytes, StringBuilder out) {
        for (byte b : bytes) {
            decode(b & 0xFF, out);
        }
    }

    /// The input is over: an unfinished character becomes one U+FFFD.
    void finish(StringBuilder out) {
        if (missing > 0) {
            missing = 0;
            out.append(REPLACEMENT);
        }
    }

    private void decode(int b, StringBuilder out) {
        if (missing == 0) {
            first(b, out);
        } else if (b < lowest || b > highest) {
            // The unfinished character ends here, and this byte may begin another.
            missing = 0;
            out.append(REPLACEMENT);
            first(b, out);
        } else {
            codePoint = (codePoint << 6) | (b & 0x3F);
            lowest = 0x80;
            highest = 0xBF;
            if (--missing == 0) {
                out.appendCodePoint(codePoint);
            }
        }
    }

    private void first(int b, StringBuilder out) {
        lowest = 0x80;
        highest = 0xBF;
        if (b < 0x80) {
            out.append((char) b);
        } else if (b < 0xC2 || b > 0xF4) {
            out.append(REPLACEMENT); // a stray continuation byte, an overlong form, or beyond U+10FFFF
        } else if (b < 0xE0) {
            missing = 1;
            codePoint = b & 0x1F;
        } else if (b < 0xF0) {
            missing = 2;
            codePoint = b & 0x0F;
            if (b == 0xE0) {
                lowest = 0xA0; // shorter would be overlong
            } else if (b == 0xED) {
                highest = 0x9F; // above are surrogates
            }
        } else {
            missing = 3;
            codePoint = b & 0x07;
            if (b == 0xF0) {
                lowest = 0x90; // shorter would be overlong
            } else if (b == 0xF4) {
                highest = 0x8F; // above is beyond U+10FFFF
            }
        }
    }
}
