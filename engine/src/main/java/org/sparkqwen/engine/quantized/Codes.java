package org.sparkqwen.engine.quantized;

import java.util.Optional;

/// The numbers of a quantized weight, `[outputs, inputs]`, before zero points are subtracted and scales multiplied.
/// They are integers of at most 8 bits, or floats of 8 bits, so a float holds each exactly.
interface Codes {
    int outputs();

    int inputs();

    /// Fills `rows`, each `[inputs]`, with the numbers of consecutive outputs. Reading some outputs together is
    /// faster than one by one, where they share words.
    ///
    /// @param first the first output
    void read(int first, float[][] rows);

    /// The least and the greatest of the numbers if they are integers; empty if they are floats.
    Optional<Span> integers();

    /// The integers from `least` to `greatest`.
    record Span(int least, int greatest) {
        static Span unsigned(int bits) {
            return new Span(0, (1 << bits) - 1);
        }

        static Span signed(int bits) {
            return new Span(-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
        }
    }

    /// The range of the numbers.
    ///
    /// @param minusZeros whether zero points are subtracted from them
    Range range(boolean minusZeros);

    /// The range of numbers of one kind.
    ///
    /// @param significantBits the most bits from a number's first one to its last
    /// @param leastExponent all numbers are multiples of two to this power
    /// @param greatest the greatest magnitude
    record Range(int significantBits, int leastExponent, float greatest) {
        static final Range FLOAT8 = new Range(Float8.SIGNIFICANT_BITS, Float8.LEAST_EXPONENT, Float8.GREATEST);

        /// The range of signed integers of some bits: 127 has 7 bits, and -128 has one that counts.
        static Range signed(int bits) {
            return new Range(bits - 1, 0, 1 << (bits - 1));
        }

        /// The range of differences between two integers of some bits.
        static Range differences(int bits) {
            return new Range(bits, 0, (1 << bits) - 1);
        }

        /// Whether the product of any of the numbers with `scale` is a bfloat16, which has 8 significant bits
        /// and is a multiple of 2^-133.
        boolean staysBfloat16(float scale) {
            if (scale == 0) {
                return true;
            }
            int exponent = Math.getExponent(scale); // of a subnormal number, one less than the least
            int fraction = Float.floatToRawIntBits(scale) & 0x7fffff;
            int significand = exponent < Float.MIN_EXPONENT ? fraction : fraction | 0x800000;
            int trailing = Integer.numberOfTrailingZeros(significand);
            int bits = Integer.SIZE - Integer.numberOfLeadingZeros(significand) - trailing;
            int lowest = Math.max(exponent, Float.MIN_EXPONENT) - 23 + trailing;
            return bits + significantBits <= 8 && lowest + leastExponent >= -133 && Float.isFinite(scale * greatest);
        }
    }
}
