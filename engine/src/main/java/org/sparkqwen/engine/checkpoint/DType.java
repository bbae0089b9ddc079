package org.sparkqwen.engine.checkpoint;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.gguf.BlockFormat;
import org.sparkqwen.engine.gguf.ScaledBlocks;
import org.sparkqwen.engine.gguf.SuperBlocks;
import org.sparkqwen.engine.gguf.TensorType;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.quantized.NumberType;

/// The number formats of a checkpoint that the engine reads, with the names that safetensors and GGUF use.
public enum DType {
    BF16(2),
    F16(2),
    F32(4),
    Q4_0(ScaledBlocks.Q4_0),
    Q8_0(ScaledBlocks.Q8_0),
    Q4_K(SuperBlocks.Q4_K),
    Q5_K(SuperBlocks.Q5_K),
    Q6_K(SuperBlocks.Q6_K);

    private final int numbers;
    private final int bytes;

    @SuppressWarnings("ImmutableEnumChecker") // all block formats are enums
    private final @Nullable BlockFormat blocks;

    DType(int bytes) {
        numbers = 1;
        this.bytes = bytes;
        blocks = null;
    }

    DType(BlockFormat blocks) {
        numbers = blocks.numbers();
        bytes = blocks.bytes();
        this.blocks = blocks;
    }

    /// The size of some numbers in bytes.
    ///
    /// @param count whole blocks of a format that has blocks
    public long bytes(long count) {
        if (count % numbers != 0) {
            throw new IllegalArgumentException("%,d numbers are no whole blocks of %s".formatted(count, this));
        }
        return count / numbers * bytes;
    }

    /// The blocks in which the numbers are stored; empty if each number stands alone.
    public Optional<BlockFormat> blocks() {
        return Optional.ofNullable(blocks);
    }

    /// The format of weights that keeps the value of every number. F16 becomes float32, because it has more
    /// digits than bfloat16, and so do the numbers that blocks decode to.
    public KnownFormat format() {
        return switch (this) {
            case BF16 -> KnownFormat.BF16;
            case F16, F32, Q4_0, Q8_0, Q4_K, Q5_K, Q6_K -> KnownFormat.F32;
        };
    }

    /// The layout that keeps the integers and scales of every block as they are; empty if none does. Blocks of Q8_0
    /// have a scale for each 32 inputs, and 8 bits have one for 128.
    Optional<IntegerLayout> integers() {
        return switch (this) {
            case Q4_0 -> Optional.of(IntegerLayout.INT4);
            case BF16, F16, F32, Q8_0, Q4_K, Q5_K, Q6_K -> Optional.empty();
        };
    }

    /// The format of a tensor in safetensors; empty if such numbers are only parts of quantized weights.
    static Optional<DType> of(NumberType type) {
        return switch (type) {
            case BF16 -> Optional.of(BF16);
            case F16 -> Optional.of(F16);
            case F32 -> Optional.of(F32);
            case F8_E4M3, I8, I32, I64 -> Optional.empty();
        };
    }

    /// The format of a tensor in GGUF.
    static DType of(TensorType type) {
        return switch (type) {
            case F32 -> F32;
            case F16 -> F16;
            case BF16 -> BF16;
            case Q4_0 -> Q4_0;
            case Q8_0 -> Q8_0;
            case Q4_K -> Q4_K;
            case Q5_K -> Q5_K;
            case Q6_K -> Q6_K;
        };
    }
}
