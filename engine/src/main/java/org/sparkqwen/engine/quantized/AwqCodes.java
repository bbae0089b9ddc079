package org.sparkqwen.engine.quantized;

import java.util.Optional;

/// Integers of 4 bits that are packed along the outputs, as in AWQ: words of 32 bits, `[inputs, outputs / 8]`. From the
/// lowest bits on, a word has the outputs 0, 2, 4, 6, 1, 3, 5 and 7 of its eight. The integers are unsigned.
record AwqCodes(StoredTensor words) implements Codes {
    static final int IN_WORD = 8;
    static final int BITS = 4;

    /// The integer of one of a word's eight outputs: even ones are in the lower half of the word.
    static int integer(int word, int output) {
        return (word >>> ((output / 2 + output % 2 * 4) * BITS)) & 15;
    }

    @Override
    public int outputs() {
        return words.shape().getLast() * IN_WORD;
    }

    @Override
    public int inputs() {
        return words.shape().getFirst();
    }

    @Override
    public void read(int first, float[][] rows) {
        int wordsOfInput = words.shape().getLast();
        for (int input = 0; input < inputs(); input++) {
            long at = (long) input * wordsOfInput;
            for (int row = 0; row < rows.length; row++) {
                int output = first + row;
                rows[row][input] = integer(words.word(at + output / IN_WORD), output % IN_WORD);
            }
        }
    }

    @Override
    public Optional<Span> integers() {
        return Optional.of(Span.unsigned(BITS));
    }

    @Override
    public Range range(boolean minusZeros) {
        return Range.differences(BITS);
    }
}
