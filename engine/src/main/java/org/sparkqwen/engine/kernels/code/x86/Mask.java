package org.sparkqwen.engine.kernels.code.x86;

/// A mask register, which has a bit for each number of a vector.
///
/// @param number from 1 to 7; as the mask of an instruction, register 0 would mean none
public record Mask(int number) {
    public Mask {
        if (number < 1 || number > 7) {
            throw new IllegalArgumentException("there is no mask k%d".formatted(number));
        }
    }
}
