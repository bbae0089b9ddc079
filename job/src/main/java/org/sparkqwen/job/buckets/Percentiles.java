package org.sparkqwen.job.buckets;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The two percentiles that divide rows into head, middle and tail, in percent.
///
/// The percentile p of n values is the one of nearest rank: the value at rank ⌈p/100 · n⌉ in ascending order, counted
/// from 1. It is a value that some row has, and the least one that at least p percent of the values do not exceed.
///
/// @param head the percentile up to which values belong to the head; above 0
/// @param middle the percentile up to which the others belong to the middle; above `head` and below 100
public record Percentiles(BigDecimal head, BigDecimal middle) {
    private static final Pattern TWO_NUMBERS =
            Pattern.compile("\\s*(\\d{1,2}(?:\\.\\d{1,9})?)\\s*,\\s*(\\d{1,2}(?:\\.\\d{1,9})?)\\s*");

    private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);

    /// @throws IllegalArgumentException if they are not in this order between 0 and 100
    public Percentiles {
        if (head.signum() <= 0 || head.compareTo(middle) >= 0 || middle.compareTo(HUNDRED) >= 0) {
            throw new IllegalArgumentException("%s,%s are not two percentiles A,B with 0 < A < B < 100"
                    .formatted(head.toPlainString(), middle.toPlainString()));
        }
        head = head.stripTrailingZeros();
        middle = middle.stripTrailingZeros();
    }

    /// Reads percentiles such as `30,60` or `2.5,66.6`.
    ///
    /// @throws IllegalArgumentException if the text is none
    public static Percentiles parse(String text) {
        Matcher numbers = TWO_NUMBERS.matcher(text);
        if (!numbers.matches()) {
            throw new IllegalArgumentException("'%s' is not two percentiles A,B with 0 < A < B < 100".formatted(text));
        }
        return new Percentiles(new BigDecimal(numbers.group(1)), new BigDecimal(numbers.group(2)));
    }

    /// Returns the rank of a percentile, from 1.
    ///
    /// @param percent above 0 and below 100
    /// @param values how many values there are, at least 1
    static long rank(BigDecimal percent, long values) {
        return percent.multiply(BigDecimal.valueOf(values))
                .divide(HUNDRED, 0, RoundingMode.CEILING)
                .longValueExact();
    }

    /// Returns the percentiles in the one form in which they are equal, such as `30,60`.
    @Override
    public String toString() {
        return head.toPlainString() + "," + middle.toPlainString();
    }
}
