package org.sparkqwen.engine.quantized;

import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Scales or zero points of a quantized weight: a number for each output and each group of inputs.
interface Grid {
    float at(int output, int group);

    /// The tensor in which the numbers lie, for messages.
    StoredTensor tensor();

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
    }

    /// Zero points of AWQ: words `[groups, outputs / 8]` in the order of [AwqCodes].
    record AwqZeros(StoredTensor tensor) implements Grid {
        @Override
        public float at(int output, int group) {
            long at = (long) group * tensor.shape().getLast() + output / AwqCodes.IN_WORD;
            return AwqCodes.integer(tensor.word(at), output % AwqCodes.IN_WORD);
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
    }
}
