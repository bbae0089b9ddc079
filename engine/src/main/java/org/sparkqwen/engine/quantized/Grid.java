package org.sparkqwen.engine.quantized;

import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Scales or zero points of a quantized weight: a number for each output and each group of inputs.
interface Grid {
    float at(int output, int group);

    /// The tensor in which the numbers lie, for messages.
    StoredTensor tensor();

    /// A range of integers in which all zero points are. It may be larger than needed, because words are not taken
    /// apart for it.
    Codes.Span span();

    /// Returns the range of integers that are packed into words: one integer if they are all the same, and
    /// otherwise all that have as many bits.
    ///
    /// @param all the integers that have as many bits
    /// @param first the first integer
    private static Codes.Span spanOfWords(StoredTensor words, int bits, Codes.Span all, float first) {
        int word = words.word(0);
        if (word != Integer.rotateLeft(word, bits)) {
            return all;
        }
        for (long i = 1; i < words.elements(); i++) {
            if (words.word(i) != word) {
                return all;
            }
        }
        return new Codes.Span((int) first, (int) first);
    }

    /// Numbers that lie in a tensor one by one.
    ///
    /// @param outputs the number of consecutive outputs that share numbers
    /// @param outputStride the distance between the numbers of such outputs and of the next ones
    /// @param groupStride the distance between the numbers of a group and of the next one
    record Plain(StoredTensor tensor, int outputs, long outputStride, long groupStride) implements Grid {
        /// Numbers of a tensor `[outputs, groups]`, whose rows belong to `outputs` outputs each.
        static Plain rows(StoredTensor tensor, int outputs) {
            return new Plain(tensor, outputs, tensor.shape().getLast(), 1);
        }

        /// Numbers of a tensor `[groups, outputs]`.
        static Plain columns(StoredTensor tensor) {
            return new Plain(tensor, 1, 1, tensor.shape().getLast());
        }

        /// The only number of a tensor.
        ///
        /// @throws InvalidModelException if it has more
        static Plain single(StoredTensor tensor) {
            if (tensor.elements() != 1) {
                throw tensor.fault(
                        "has shape %s; there is one scale a weight, unless config.json has a".formatted(tensor.shape())
                                + " weight_block_size");
            }
            return new Plain(tensor, 1, 0, 0);
        }

        @Override
        public float at(int output, int group) {
            return tensor.number(output / outputs * outputStride + group * groupStride);
        }

        @Override
        public Codes.Span span() {
            float least = Float.POSITIVE_INFINITY;
            float greatest = Float.NEGATIVE_INFINITY;
            for (long i = 0; i < tensor.elements(); i++) {
                least = Math.min(least, tensor.number(i));
                greatest = Math.max(greatest, tensor.number(i));
            }
            return new Codes.Span((int) least, (int) greatest);
        }
    }

    /// Zero points of GPTQ: words `[groups, outputs / integers in a word]`, the first output in the lowest bits.
    ///
    /// @param bits of an integer, 4 or 8
    /// @param added to what is stored, within the bits of an integer
    record GptqZeros(StoredTensor tensor, int bits, int added) implements Grid {
        @Override
        public float at(int output, int group) {
            int inWord = Integer.SIZE / bits;
            int word = tensor.word((long) group * tensor.shape().getLast() + output / inWord);
            return ((word >>> (output % inWord * bits)) + added) & ((1 << bits) - 1);
        }

        @Override
        public Codes.Span span() {
            return spanOfWords(tensor, bits, Codes.Span.unsigned(bits), at(0, 0));
        }
    }

    /// Zero points of AWQ: words `[groups, outputs / 8]` in the order of [AwqCodes].
    record AwqZeros(StoredTensor tensor) implements Grid {
        @Override
        public float at(int output, int group) {
            long at = (long) group * tensor.shape().getLast() + output / AwqCodes.IN_WORD;
            return AwqCodes.integer(tensor.word(at), output % AwqCodes.IN_WORD);
        }

        @Override
        public Codes.Span span() {
            return spanOfWords(tensor, AwqCodes.BITS, Codes.Span.unsigned(AwqCodes.BITS), at(0, 0));
        }
    }

    /// Zero points of compressed-tensors: words `[outputs / integers in a word, groups]`, the first output in the
    /// lowest bits, stored as unsigned integers like those of [PackedRows].
    ///
    /// @param bits of an integer, 4 or 8
    record PackedZeros(StoredTensor tensor, int bits) implements Grid {
        @Override
        public float at(int output, int group) {
            int inWord = Integer.SIZE / bits;
            int word = tensor.word((long) (output / inWord) * tensor.shape().getLast() + group);
            return ((word >>> (output % inWord * bits)) & ((1 << bits) - 1)) - (1 << (bits - 1));
        }

        @Override
        public Codes.Span span() {
            return spanOfWords(tensor, bits, Codes.Span.signed(bits), at(0, 0));
        }
    }
}
