package org.sparkqwen.engine.kernels.code.x86;

import org.jspecify.annotations.Nullable;

/// A memory operand: the address `base + index · scale + displacement`.
///
/// @param index any register but RSP; null for none
/// @param scale 1, 2, 4 or 8
/// @param displacement in bytes
/// @param broadcast whether a vector instruction of AVX-512 reads one number there and uses it for all lanes
public record Address(Gpr base, @Nullable Gpr index, int scale, int displacement, boolean broadcast)
        implements Operand {
    public Address {
        if (index == Gpr.RSP) {
            throw new IllegalArgumentException("RSP cannot be an index");
        }
        if (scale < 1 || scale > 8 || Integer.bitCount(scale) != 1) {
            throw new IllegalArgumentException("no scale of %d".formatted(scale));
        }
    }

    public static Address at(Gpr base, int displacement) {
        return new Address(base, null, 1, displacement, false);
    }

    public static Address at(Gpr base, Gpr index, int scale, int displacement) {
        return new Address(base, index, scale, displacement, false);
    }

    /// The same address, of a single number for all lanes.
    public Address toAllLanes() {
        return new Address(base, index, scale, displacement, true);
    }
}
