package org.sparkqwen.engine.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// The alphabet in which a byte-level vocabulary is spelled, with one visible character for each of the 256
/// bytes.
///
/// It follows the rule of GPT-2. A byte that is a printable Latin-1 character stands for itself. The other
/// bytes, in order, take the characters from U+0100 on. A space is therefore `Ġ` and a newline `Ċ`.
final class ByteAlphabet {
    private static final char[] CHARACTER_OF_BYTE = new char[256];
    private static final int[] BYTE_OF_CHARACTER;

    static {
        char unprintable = 0x100;
        for (int b = 0; b < 256; b++) {
            boolean printable = ('!' <= b && b <= '~') || (0xA1 <= b && b <= 0xFF && b != 0xAD);
            CHARACTER_OF_BYTE[b] = printable ? (char) b : unprintable++;
        }
        BYTE_OF_CHARACTER = new int[unprintable];
        Arrays.fill(BYTE_OF_CHARACTER, -1);
        for (int b = 0; b < 256; b++) {
            BYTE_OF_CHARACTER[CHARACTER_OF_BYTE[b]] = b;
        }
    }

    private ByteAlphabet() {}

    /// @param b an unsigned byte, 0 to 255
    static char characterOf(int b) {
        return CHARACTER_OF_BYTE[b];
    }

    /// Returns the bytes that a token of the vocabulary stands for. A token with any character outside the
    /// alphabet is not spelled in it and stands for its own UTF-8. Hugging Face decodes added tokens such as
    /// `<a b>` in the same way.
    static byte[] bytesOf(String token) {
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = token.charAt(i);
            if (c >= BYTE_OF_CHARACTER.length || BYTE_OF_CHARACTER[c] < 0) {
                return token.getBytes(StandardCharsets.UTF_8);
            }
            bytes[i] = (byte) BYTE_OF_CHARACTER[c];
        }
        return bytes;
    }
}
