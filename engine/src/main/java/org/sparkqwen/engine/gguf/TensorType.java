package org.sparkqwen.engine.gguf;

import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/// The number formats of tensors that are read from GGUF files, with the ids and the names that the format gives them.
public enum TensorType {
    F32(0, 1, Float.BYTES),
    F16(1, 1, Short.BYTES),
    Q4_0(2, ScaledBlocks.Q4_0),
    Q8_0(8, ScaledBlocks.Q8_0),
    Q4_K(12, SuperBlocks.Q4_K),
    Q5_K(13, SuperBlocks.Q5_K),
    Q6_K(14, SuperBlocks.Q6_K),
    BF16(30, 1, Short.BYTES);

    /// The names of the formats that are not read, by id. Ids that are in neither list were removed from the
    /// format.
    private static final Map<Integer, String> OTHERS = Map.ofEntries(
            Map.entry(3, "Q4_1"),
            Map.entry(6, "Q5_0"),
            Map.entry(7, "Q5_1"),
            Map.entry(9, "Q8_1"),
            Map.entry(10, "Q2_K"),
            Map.entry(11, "Q3_K"),
            Map.entry(15, "Q8_K"),
            Map.entry(16, "IQ2_XXS"),
            Map.entry(17, "IQ2_XS"),
            Map.entry(18, "IQ3_XXS"),
            Map.entry(19, "IQ1_S"),
            Map.entry(20, "IQ4_NL"),
            Map.entry(21, "IQ3_S"),
            Map.entry(22, "IQ2_S"),
            Map.entry(23, "IQ4_XS"),
            Map.entry(24, "I8"),
            Map.entry(25, "I16"),
            Map.entry(26, "I32"),
            Map.entry(27, "I64"),
            Map.entry(28, "F64"),
            Map.entry(29, "IQ1_M"),
            Map.entry(34, "TQ1_0"),
            Map.entry(35, "TQ2_0"),
            Map.entry(39, "MXFP4"),
            Map.entry(40, "NVFP4"),
            Map.entry(41, "Q1_0"));

    private final int id;
    private final int numbers;
    private final int bytes;

    TensorType(int id, int numbers, int bytes) {
        this.id = id;
        this.numbers = numbers;
        this.bytes = bytes;
    }

    TensorType(int id, BlockFormat blocks) {
        this(id, blocks.numbers(), blocks.bytes());
    }

    static Optional<TensorType> withId(int id) {
        return Arrays.stream(values()).filter(type -> type.id == id).findFirst();
    }

    /// The name of a format that is not read, `IQ4_XS`; for an id that has no name, `the unknown type 99`.
    static String nameOfOther(int id) {
        return OTHERS.getOrDefault(id, "the unknown type " + Integer.toUnsignedString(id));
    }

    /// The count of numbers that are stored together. A row is a multiple of them.
    public int blockNumbers() {
        return numbers;
    }

    /// The bytes of [#blockNumbers] numbers.
    public int blockBytes() {
        return bytes;
    }
}
