package org.sparkqwen.engine.quantized;

import java.util.Optional;

/// Integers that are packed along the inputs of each output, as in compressed-tensors: words of 32 bits,
/// `[outputs, inputs / integers in a word]`. The first integer is in the lowest bits. An integer is stored as an
/// unsigned one, half of the range above its value.
///
/// @param inputs they may end within a word
/// @param bits of an integer, 4 or 8
record PackedRows(StoredTensor words, int inputs, int bits) implements Codes {
    @Override
    public int outputs() {
        return words.shape().getFirst();
    }

    @Override
    public void read(int first, float[][] rows) {
        int inWord = Integer.SIZE / bits;
        int mask = (1 << bits) - 1;
        int half = 1 << (bits - 1);
        int wordsOfRow = words.shape().getLast();
        for (int row = 0; row < rows.length; row++) {
            long at = (long) (first + row) * wordsOfRow;
            for (int input = 0; input < inputs; input++) {
                int word = words.word(at + input / inWord);
                rows[row][input] = ((word >>> (input % inWord * bits)) & mask) - half;
            }
        }
    }

    @Override
    public Optional<Span> integers() {
        return Optional.of(Span.signed(bits));
    }

    @Override
    public Range range(boolean minusZeros) {
        return minusZeros ? Range.differences(bits) : Range.signed(bits);
    }
}
