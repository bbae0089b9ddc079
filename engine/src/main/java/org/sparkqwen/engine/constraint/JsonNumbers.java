package org.sparkqwen.engine.constraint;

import static org.sparkqwen.engine.constraint.DecimalComparison.Order.EQUAL;
import static org.sparkqwen.engine.constraint.DecimalComparison.Order.GREATER;
import static org.sparkqwen.engine.constraint.DecimalComparison.Order.LESS;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.EnumSet;
import java.util.List;
import java.util.function.BinaryOperator;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.Operations;
import org.jspecify.annotations.Nullable;

/// The numbers that a schema allows, as automata over their digits.
///
/// Digits are bounded, so that a number ends, and so that who reads it as a double finds it within the same bounds.
final class JsonNumbers {
    /// What a double keeps of any number.
    private static final int DIGITS = 15;

    private static final int MOST_BOUND_DIGITS = 30;

    /// The automaton of a number's multiples has as many states as the number says.
    private static final int MOST_DIVISOR = 1_000;

    private static final Automaton MINUS = Automata.makeChar('-');
    private static final Automaton DIGIT = Automata.makeCharRange('0', '9');

    private final Schema schema;
    private int wholeDigits = DIGITS;
    private int fractionDigits;

    private JsonNumbers(Schema schema, boolean integer) {
        this.schema = schema;
        fractionDigits = integer ? 0 : DIGITS;
    }

    /// @param integer whether there is neither fraction nor exponent
    /// @throws RefusedConstraint if a bound is no number, has too many digits, or multipleOf is not supported
    static Automaton of(Schema schema, boolean integer) {
        return new JsonNumbers(schema, integer).numbers();
    }

    /// @param inclusive whether the number itself is within the bound
    private record Bound(BigDecimal number, boolean inclusive) {
        Bound negated() {
            return new Bound(number.negate(), inclusive);
        }
    }

    private Automaton numbers() {
        Bound lowest = bound("minimum", "exclusiveMinimum", BigDecimal::max);
        Bound highest = bound("maximum", "exclusiveMaximum", BigDecimal::min);
        Automaton multiples = multiples();
        if (fractionDigits > 0 && lowest == null && highest == null && !schema.has("multipleOf")) {
            return Language.concatenate(List.of(Language.repeat(MINUS, 0, 1), decimals(), exponent()));
        }
        Bound nearest = highest == null || highest.number.signum() >= 0
                ? new Bound(BigDecimal.ZERO, false) // there is no -0
                : highest.negated();
        Automaton negative = multiples(between(nearest, lowest == null ? null : lowest.negated()), multiples);
        Automaton others = multiples(between(lowest, highest), multiples);
        return Language.union(List.of(others, Language.concatenate(List.of(MINUS, negative))));
    }

    private static Automaton multiples(Automaton numbers, @Nullable Automaton multiples) {
        return multiples == null ? numbers : Operations.intersection(numbers, multiples);
    }

    /// The stronger one of two keywords.
    ///
    /// @param stronger of two numbers
    private @Nullable Bound bound(
            String inclusiveKeyword, String exclusiveKeyword, BinaryOperator<BigDecimal> stronger) {
        BigDecimal inclusive = number(inclusiveKeyword);
        BigDecimal exclusive = number(exclusiveKeyword);
        if (exclusive != null
                && (inclusive == null || stronger.apply(exclusive, inclusive).compareTo(exclusive) == 0)) {
            // Near the bound a double tells numbers of so many digits from it.
            int beside = Math.max(scale(exclusive) + 1, DIGITS - wholeDigits(exclusive));
            fractionDigits = Math.min(fractionDigits, beside);
            return new Bound(exclusive, false);
        }
        return inclusive == null ? null : new Bound(inclusive, true);
    }

    private @Nullable BigDecimal number(String keyword) {
        BigDecimal number = schema.number(keyword);
        if (number == null) {
            return null;
        }
        if (wholeDigits(number) > MOST_BOUND_DIGITS || scale(number) > MOST_BOUND_DIGITS) {
            throw schema.at(keyword)
                    .refused("more than %d digits before or after the point".formatted(MOST_BOUND_DIGITS));
        }
        wholeDigits = Math.max(wholeDigits, wholeDigits(number));
        return number;
    }

    private static int wholeDigits(BigDecimal number) {
        return (int) Math.clamp((long) number.precision() - number.scale(), 1, Integer.MAX_VALUE);
    }

    private static int scale(BigDecimal number) {
        return Math.max(0, number.stripTrailingZeros().scale());
    }

    /// The multiples of multipleOf, without sign, by the remainder of the digits so far; null if any number will
    /// do.
    private @Nullable Automaton multiples() {
        BigDecimal divisor = schema.number("multipleOf");
        if (divisor == null) {
            return null;
        }
        if (scale(divisor) > 0 && divisor.stripTrailingZeros().unscaledValue().equals(BigInteger.ONE)) {
            fractionDigits = Math.min(fractionDigits, scale(divisor));
            return null;
        }
        if (divisor.signum() <= 0 || scale(divisor) > 0 || divisor.compareTo(BigDecimal.valueOf(MOST_DIVISOR)) > 0) {
            throw schema.at("multipleOf")
                    .refused("not supported; whole numbers up to %,d, 0.1, 0.01 and so on are".formatted(MOST_DIVISOR));
        }
        fractionDigits = 0;
        int modulus = divisor.intValueExact();
        Automaton.Builder multiples = new Automaton.Builder();
        for (int remainder = 0; remainder < modulus; remainder++) {
            multiples.createState();
        }
        multiples.setAccept(0, true);
        for (int remainder = 0; remainder < modulus; remainder++) {
            for (int digit = 0; digit <= 9; digit++) {
                multiples.addTransition(remainder, (10 * remainder + digit) % modulus, '0' + digit);
            }
        }
        return multiples.finish();
    }

    /// Decimals without sign and exponent between the bounds, as far as they are not negative.
    private Automaton between(@Nullable Bound lowest, @Nullable Bound highest) {
        Automaton decimals = decimals();
        if (lowest != null && lowest.number.signum() >= 0) {
            decimals = Operations.intersection(
                    decimals,
                    DecimalComparison.accepting(
                            lowest.inclusive ? EnumSet.of(EQUAL, GREATER) : EnumSet.of(GREATER), lowest.number));
        }
        if (highest != null) {
            if (highest.number.signum() < 0) {
                return Automata.makeEmpty();
            }
            decimals = Operations.intersection(
                    decimals,
                    DecimalComparison.accepting(
                            highest.inclusive ? EnumSet.of(EQUAL, LESS) : EnumSet.of(LESS), highest.number));
        }
        return decimals;
    }

    /// All decimals without sign and exponent.
    private Automaton decimals() {
        Automaton whole = Language.union(List.of(
                Automata.makeChar('0'),
                Language.concatenate(
                        List.of(Automata.makeCharRange('1', '9'), Language.repeat(DIGIT, 0, wholeDigits - 1)))));
        if (fractionDigits == 0) {
            return whole;
        }
        Automaton fraction =
                Language.concatenate(List.of(Automata.makeChar('.'), Language.repeat(DIGIT, 1, fractionDigits)));
        return Language.concatenate(List.of(whole, Language.repeat(fraction, 0, 1)));
    }

    /// No exponent, or one of two digits, so that a number is finite as a double.
    private static Automaton exponent() {
        Automaton sign = Automata.makeCharSet(new int[] {'+', '-'});
        Automaton exponent = Language.concatenate(List.of(
                Automata.makeCharSet(new int[] {'E', 'e'}), Language.repeat(sign, 0, 1), Language.repeat(DIGIT, 1, 2)));
        return Language.repeat(exponent, 0, 1);
    }
}
