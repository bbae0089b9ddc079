package org.sparkqwen.engine.quantized;

import java.util.Optional;

/// Integers that are packed along the inputs while outputs lie side by side, as in GPTQ: words of 32 bits,
/// `[inputs / integers in a word, outputs]`. The first input is in the lowest bits. The integers are unsigned.
///
/// @param bits of an integer, 4 or 8
record PackedColumns(StoredTensor words, int bits) implements Codes {
    @Override
    public int outputs() {
        return words.shape().getLast();
    }

    @Override
    public int inputs() {
        return words.shape().getFirst() * (Integer.SIZE / bits);
    }

    @Override
    public void read(int first, float[][] rows) {
        int inWord = Integer.SIZE / bits;
        int mask = (1 << bits) - 1;
        for (int line = 0; line < words.shape().getFirst(); line++) {
            long at = (long) line * outputs() + first;
            for (int row = 0; row < rows.length; row++) {
                int word = words.word(at + row);
                for (int i = 0; i < inWord; i++) {
                    rows[row][line * inWord + i] = (word >>> (i * bits)) & mask;
                }
            }
        }
    }

    @Override
    public Optional<Span> integers() {
        return Optional.of(Span.unsigned(bits));
    }

    @Override
    public Range range(boolean minusZeros) {
        return Range.differences(bits);
    }
}
