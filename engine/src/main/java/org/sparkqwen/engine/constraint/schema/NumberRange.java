package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Numbers within bounds that are multiples of other numbers.
///
/// @param divisors every number is a multiple of each; whole numbers are multiples of 1
/// @param excluded the ranges that are left out
record NumberRange(
        @Nullable Bound lowest,
        @Nullable Bound highest,
        List<BigDecimal> divisors,
        List<NumberRange> excluded,
        Origin origin)
        implements Values {
    /// The greatest number of digits before the point, or after it, of a number that is divided.
    private static final int MOST_DIGITS = 1_000;

    /// @param inclusive whether the number itself is within the bound
    record Bound(BigDecimal number, boolean inclusive) {
        Bound negated() {
            return new Bound(number.negate(), inclusive);
        }
    }

    static NumberRange all() {
        return new NumberRange(null, null, List.of(), List.of(), Origin.IMPLIED);
    }

    private static NumberRange exactly(BigDecimal number) {
        Bound bound = new Bound(number, true);
        return new NumberRange(bound, bound, List.of(), List.of(), Origin.MEANT);
    }

    @Override
    public Values withOrigin(Origin other) {
        return new NumberRange(lowest, highest, divisors, excluded, other);
    }

    @Override
    public @Nullable Values and(Values other, Meanings meanings) {
        if (other instanceof ListedValues listed) {
            return listed.and(this, meanings);
        }
        return other instanceof NumberRange range ? and(range) : null;
    }

    private @Nullable NumberRange and(NumberRange other) {
        List<BigDecimal> bothDivisors = new ArrayList<>(divisors);
        other.divisors.stream().filter(each -> !divisors.contains(each)).forEach(bothDivisors::add);
        NumberRange both = new NumberRange(
                stronger(lowest, other.lowest, 1),
                stronger(highest, other.highest, -1),
                bothDivisors,
                Meanings.joined(excluded, other.excluded),
                origin.and(other.origin));
        return both.isEmpty() ? null : both;
    }

    /// Returns the stronger one of two bounds.
    ///
    /// @param sign 1 if the greater bound is stronger, -1 if the smaller one is
    static @Nullable Bound stronger(@Nullable Bound a, @Nullable Bound b, int sign) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        int order = sign > 0 ? a.number.compareTo(b.number) : b.number.compareTo(a.number);
        return order > 0 || (order == 0 && !a.inclusive) ? a : b;
    }

    @Override
    public List<Values> minus(Values other, Meanings meanings) {
        List<NumberRange> more = new ArrayList<>(excluded);
        switch (other) {
            case ListedValues listed ->
                listed.values().stream()
                        .filter(value -> contains(value, meanings))
                        .forEach(value -> more.add(exactly(JsonValues.number(value))));
            case NumberRange range -> {
                if (and(range) != null) {
                    more.add(range);
                }
            }
            default -> {
                return List.of(this);
            }
        }
        NumberRange rest = new NumberRange(lowest, highest, divisors, more, origin);
        return rest.isEmpty() ? List.of() : List.of(rest);
    }

    @Override
    public boolean contains(JsonNode value, Meanings meanings) {
        return value.isNumber() && contains(JsonValues.number(value));
    }

    private boolean contains(BigDecimal number) {
        return isBeyond(lowest, number, 1)
                && isBeyond(highest, number, -1)
                && divisors.stream().allMatch(divisor -> isMultiple(number, divisor))
                && excluded.stream().noneMatch(each -> each.contains(number));
    }

    private static boolean isBeyond(@Nullable Bound bound, BigDecimal number, int sign) {
        if (bound == null) {
            return true;
        }
        int order = sign > 0 ? number.compareTo(bound.number) : bound.number.compareTo(number);
        return bound.inclusive ? order >= 0 : order > 0;
    }

    private static boolean isMultiple(BigDecimal number, BigDecimal divisor) {
        if (divisor.compareTo(BigDecimal.ONE) == 0) {
            return JsonValues.isWhole(number);
        }
        if (JsonNumbers.wholeDigits(number) > MOST_DIGITS || JsonNumbers.scale(number) > MOST_DIGITS) {
            throw new RefusedConstraint(
                    "too large: a number with more than %,d digits beside multipleOf".formatted(MOST_DIGITS));
        }
        return number.remainder(divisor).signum() == 0;
    }

    @Override
    public boolean isNever(Meanings meanings) {
        return isEmpty();
    }

    /// Tells whether it is certain that no number is within the bounds and not excluded.
    private boolean isEmpty() {
        if (excluded.stream().anyMatch(each -> each.includes(this))) {
            return true;
        }
        if (lowest == null || highest == null) {
            return false;
        }
        int order = lowest.number.compareTo(highest.number);
        if (order > 0 || (order == 0 && !(lowest.inclusive && highest.inclusive))) {
            return true;
        }
        if (order == 0) {
            return !divisors.stream().allMatch(divisor -> isMultiple(lowest.number, divisor))
                    || excluded.stream().anyMatch(each -> each.contains(lowest.number));
        }
        return divisors.contains(BigDecimal.ONE) && hasNoWhole(lowest, highest);
    }

    private static boolean hasNoWhole(Bound lowest, Bound highest) {
        for (Bound bound : new Bound[] {lowest, highest}) {
            if (JsonNumbers.wholeDigits(bound.number) > MOST_DIGITS || JsonNumbers.scale(bound.number) > MOST_DIGITS) {
                return false;
            }
        }
        BigDecimal first = lowest.number.setScale(0, lowest.inclusive ? RoundingMode.CEILING : RoundingMode.FLOOR);
        BigDecimal last = highest.number.setScale(0, highest.inclusive ? RoundingMode.FLOOR : RoundingMode.CEILING);
        first = lowest.inclusive ? first : first.add(BigDecimal.ONE);
        last = highest.inclusive ? last : last.subtract(BigDecimal.ONE);
        return first.compareTo(last) > 0;
    }

    /// Tells whether it is certain that all numbers of `range` are in this range.
    @SuppressWarnings("ReferenceEquality") // compares which of two objects it was
    private boolean includes(NumberRange range) {
        return excluded.isEmpty()
                && stronger(lowest, range.lowest, 1) == range.lowest
                && stronger(highest, range.highest, -1) == range.highest
                && range.divisors.containsAll(divisors);
    }
}
