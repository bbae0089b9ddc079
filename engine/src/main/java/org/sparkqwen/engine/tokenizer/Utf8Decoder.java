package org.sparkqwen.engine.tokenizer;

/// Turns UTF-8 that arrives byte by byte into text. Malformed bytes become U+FFFD.
///
/// There is one U+FFFD for each maximal prefix of a well-formed sequence, and otherwise one for each byte.
/// The Unicode standard recommends this practice (chapter 3, "U+FFFD Substitution of Maximal Subparts"), and
/// Hugging Face's decoder follows it. `new String(bytes, UTF_8)` does not: it gives one U+FFFD for a whole
/// encoded surrogate, where this class gives three.
final class Utf8Decoder {
    private static final char REPLACEMENT = '\uFFFD';

    /// The bits of the incomplete character so far.
    private int codePoint;

    /// The number of continuation bytes that the character still needs; 0 between characters.
    private int missing;

    /// The range of its next continuation byte. It is narrower than 80..BF after E0, ED, F0 and F4.
    private int lowest;

    private int highest;

    /// Appends to `out` all text that `bytes` completes.
    void decode(byte[] bytes, StringBuilder out) {
        for (byte b : bytes) {
            decode(b & 0xFF, out);
        }
    }

    /// Ends the input. An incomplete character becomes one U+FFFD.
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
            // The incomplete character ends here, and this byte may begin another one.
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
