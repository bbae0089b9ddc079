package org.sparkqwen.engine.constraint.schema;

import static org.sparkqwen.engine.constraint.schema.DecimalComparison.Order.EQUAL;
import static org.sparkqwen.engine.constraint.schema.DecimalComparison.Order.GREATER;
import static org.sparkqwen.engine.constraint.schema.DecimalComparison.Order.LESS;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.EnumSet;
import java.util.List;
import org.apache.lucene.util.automaton.Automata;
import org.apache.lucene.util.automaton.Automaton;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Builds automata of the numbers that a schema allows, digit by digit.
///
/// The number of digits is limited, so a number ends. It is also limited so that a reader who parses the
/// number as a double finds it within the same bounds.
final class JsonNumbers {
    /// The number of decimal digits that a double keeps of any number.
    private static final int DIGITS = 15;

    /// The greatest number of digits of a bound before its point, and after it.
    private static final int MOST_BOUND_DIGITS = 30;

    /// The greatest divisor without its point. The automaton of a number's multiples has as many states.
    private static final int MOST_DIVISOR = 1_000;

    private static final Automaton MINUS = Automata.makeChar('-');
    private static final Automaton DIGIT = Automata.makeCharRange('0', '9');

    private final NumberRange.@Nullable Bound lowest;
    private final NumberRange.@Nullable Bound highest;
    private final List<BigDecimal> divisors;

    private JsonNumbers(NumberRange range) {
        NumberRange.Bound low = range.lowest();
        NumberRange.Bound high = range.highest();
        lowest = low == null ? null : rounded(low);
        NumberRange.Bound negatedHigh = high == null ? null : rounded(high.negated());
        highest = negatedHigh == null ? null : negatedHigh.negated();
        divisors = range.divisors();
    }

    /// Returns an automaton of the numbers of a range.
    ///
    /// @throws RefusedConstraint if every number would have too many digits
    static Automaton of(NumberRange range) {
        JsonNumbers numbers = new JsonNumbers(range);
        boolean free = numbers.lowest == null
                && numbers.highest == null
                && range.divisors().isEmpty()
                && range.excluded().isEmpty();
        if (free) {
            return Language.concatenate(List.of(Language.repeat(MINUS, 0, 1), decimals(DIGITS, DIGITS), exponent()));
        }
        return without(numbers.within(numbers.decimals()), range.excluded());
    }

    private static Automaton without(Automaton numbers, List<NumberRange> excluded) {
        Automaton rest = numbers;
        for (NumberRange each : excluded) {
            rest = Language.deterministic(Language.except(rest, all(each)));
        }
        return rest;
    }

    /// Returns the numbers of a range with any number of digits.
    private static Automaton all(NumberRange range) {
        Automaton digits = Language.repeat(DIGIT, 1, Language.UNBOUNDED);
        Automaton fraction = Language.concatenate(List.of(Automata.makeChar('.'), digits));
        Automaton decimals = Language.concatenate(List.of(digits, Language.repeat(fraction, 0, 1)));
        return without(new JsonNumbers(range).within(decimals), range.excluded());
    }

    /// @throws RefusedConstraint if multiples of this number are not supported
    static void requireDivisor(Schema keyword, BigDecimal divisor) {
        if (divisor.signum() <= 0
                || wholeDigits(divisor) > MOST_BOUND_DIGITS
                || scale(divisor) > DIGITS
                || modulus(divisor).compareTo(BigInteger.valueOf(MOST_DIVISOR)) > 0) {
            throw keyword.refused("not supported; numbers above 0 are that are, without their point, at most %,d"
                    .formatted(MOST_DIVISOR));
        }
    }

    static long wholeDigits(BigDecimal number) {
        return Math.max(1, (long) number.precision() - number.scale());
    }

    static long scale(BigDecimal number) {
        return Math.max(0, number.stripTrailingZeros().scale());
    }

    /// Returns a lower bound that is equivalent for numbers of [#MOST_BOUND_DIGITS] digits, or null if it is
    /// less than all of them.
    private static NumberRange.@Nullable Bound rounded(NumberRange.Bound bound) {
        BigDecimal number = bound.number();
        if (wholeDigits(number) > MOST_BOUND_DIGITS) {
            if (number.signum() < 0) {
                return null;
            }
            throw new RefusedConstraint("too large: a bound of a number has more than %d digits before the point"
                    .formatted(MOST_BOUND_DIGITS));
        }
        if (scale(number) <= MOST_BOUND_DIGITS) {
            return bound;
        }
        BigDecimal least = BigDecimal.ONE.movePointLeft(MOST_BOUND_DIGITS);
        if (number.abs().compareTo(least) < 0) { // the digits of such a number may not fit into memory
            return new NumberRange.Bound(number.signum() < 0 ? BigDecimal.ZERO : least, true);
        }
        return new NumberRange.Bound(number.setScale(MOST_BOUND_DIGITS, RoundingMode.CEILING), true);
    }

    /// Returns those of `decimals` that are within the bounds, with a minus sign where they are negative.
    ///
    /// @param decimals the allowed digits, without a sign
    private Automaton within(Automaton decimals) {
        Automaton multiples = decimals;
        for (BigDecimal divisor : divisors) {
            multiples = Language.intersection(multiples, multiplesOf(divisor));
        }
        multiples = Language.deterministic(multiples);
        NumberRange.Bound nearest = highest == null || highest.number().signum() >= 0
                ? new NumberRange.Bound(BigDecimal.ZERO, false) // there is no -0
                : highest.negated();
        Automaton negative = between(multiples, nearest, lowest == null ? null : lowest.negated());
        Automaton others = between(multiples, lowest, highest);
        return Language.deterministic(Language.union(List.of(others, Language.concatenate(List.of(MINUS, negative)))));
    }

    /// Returns the decimals that are generated. They have enough digits to reach the bounds, and no more than
    /// a double tells apart.
    private Automaton decimals() {
        long wholeDigits = DIGITS;
        long fractionDigits = DIGITS;
        for (NumberRange.Bound bound : new NumberRange.@Nullable Bound[] {lowest, highest}) {
            if (bound != null) {
                wholeDigits = Math.max(wholeDigits, wholeDigits(bound.number()));
                fractionDigits = Math.max(fractionDigits, scale(bound.number()));
            }
        }
        for (NumberRange.Bound bound : new NumberRange.@Nullable Bound[] {lowest, highest}) {
            if (bound != null && !bound.inclusive()) {
                // Near the bound, a double distinguishes numbers with this many digits from the bound.
                fractionDigits = Math.min(
                        fractionDigits, Math.max(scale(bound.number()) + 1, DIGITS - wholeDigits(bound.number())));
            }
        }
        for (BigDecimal divisor : divisors) {
            fractionDigits = Math.min(fractionDigits, scale(divisor));
        }
        return decimals((int) wholeDigits, (int) fractionDigits);
    }

    /// Returns all decimals without sign and exponent.
    private static Automaton decimals(int wholeDigits, int fractionDigits) {
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

    /// Returns the divisor without its point, if it has one.
    private static BigInteger modulus(BigDecimal divisor) {
        return divisor.movePointRight((int) scale(divisor)).toBigIntegerExact();
    }

    /// Returns the multiples of a number without sign. The states are the remainders of the digits so far.
    private static Automaton multiplesOf(BigDecimal divisor) {
        int modulus = modulus(divisor).intValueExact();
        int scale = (int) scale(divisor);
        Automaton.Builder multiples = new Automaton.Builder();
        // State `digits * modulus + remainder` is reached after so many digits after the point. Before the
        // point, `digits` is 0.
        for (int state = 0; state < (scale + 1) * modulus; state++) {
            multiples.createState();
        }
        int zeros = multiples.createState(); // after all digits that may be other than 0
        multiples.setAccept(zeros, true);
        multiples.addTransition(zeros, zeros, '0');
        int[] points = new int[modulus];
        for (int remainder = 0; remainder < modulus; remainder++) {
            points[remainder] = multiples.createState();
            multiples.addTransition(remainder, points[remainder], '.');
            addDigits(multiples, points[remainder], remainder, 0, scale, modulus, zeros);
        }
        for (int digits = 0; digits <= scale; digits++) {
            for (int remainder = 0; remainder < modulus; remainder++) {
                int state = digits * modulus + remainder;
                BigInteger left = BigInteger.TEN.pow(scale - digits).multiply(BigInteger.valueOf(remainder));
                multiples.setAccept(state, left.mod(BigInteger.valueOf(modulus)).signum() == 0);
                if (digits > 0) {
                    addDigits(multiples, state, remainder, digits, scale, modulus, zeros);
                    continue;
                }
                for (int digit = 0; digit <= 9; digit++) {
                    multiples.addTransition(state, (10 * remainder + digit) % modulus, '0' + digit);
                }
            }
        }
        return Language.deterministic(multiples.finish());
    }

    /// Adds the transitions for a digit after the point, where `digits` digits were read before it.
    private static void addDigits(
            Automaton.Builder multiples, int state, int remainder, int digits, int scale, int modulus, int zeros) {
        if (digits < scale) {
            for (int digit = 0; digit <= 9; digit++) {
                int next = (digits + 1) * modulus + (10 * remainder + digit) % modulus;
                multiples.addTransition(state, next, '0' + digit);
            }
        } else if (remainder == 0) {
            multiples.addTransition(state, zeros, '0');
        }
    }

    /// Returns those of `decimals` that are between the bounds. The bounds only matter as far as they are not
    /// negative.
    private static Automaton between(
            Automaton decimals, NumberRange.@Nullable Bound lowest, NumberRange.@Nullable Bound highest) {
        Automaton between = decimals;
        if (lowest != null && lowest.number().signum() >= 0) {
            between = Language.intersection(
                    between,
                    DecimalComparison.accepting(
                            lowest.inclusive() ? EnumSet.of(EQUAL, GREATER) : EnumSet.of(GREATER), lowest.number()));
        }
        if (highest != null) {
            if (highest.number().signum() < 0) {
                return Automata.makeEmpty();
            }
            between = Language.intersection(
                    between,
                    DecimalComparison.accepting(
                            highest.inclusive() ? EnumSet.of(EQUAL, LESS) : EnumSet.of(LESS), highest.number()));
        }
        return between;
    }

    /// Returns the texts of an exponent: none, or an exponent of two digits, with which a number is finite as
    /// a double.
    private static Automaton exponent() {
        Automaton sign = Automata.makeCharSet(new int[] {'+', '-'});
        Automaton exponent = Language.concatenate(List.of(
                Automata.makeCharSet(new int[] {'E', 'e'}), Language.repeat(sign, 0, 1), Language.repeat(DIGIT, 1, 2)));
        return Language.repeat(exponent, 0, 1);
    }
}
