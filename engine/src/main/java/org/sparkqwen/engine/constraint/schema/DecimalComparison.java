package org.sparkqwen.engine.constraint.schema;

import java.math.BigDecimal;
import java.util.Set;
import org.apache.lucene.util.automaton.Automaton;
import org.sparkqwen.engine.constraint.automaton.Language;

/// Compares decimals with a given number, digit by digit. It is an automaton that accepts the decimals on one
/// side of the number.
///
/// It reads `[0-9]+(\.[0-9]+)?` without superfluous leading zeros. A longer whole part is greater. If the
/// whole parts are equally long, the first different digit decides, in the fraction as well.
final class DecimalComparison {
    enum Order {
        LESS,
        EQUAL,
        GREATER
    }

    private final Automaton.Builder decimals = new Automaton.Builder();
    private final Set<Order> accepted;

    /// The digits of the number's whole part. The fraction has no zeros at its end.
    private final String whole;

    private final String fraction;

    private DecimalComparison(BigDecimal number, Set<Order> accepted) {
        String plain = number.stripTrailingZeros().toPlainString();
        int point = plain.indexOf('.');
        whole = point < 0 ? plain : plain.substring(0, point);
        fraction = point < 0 ? "" : plain.substring(point + 1);
        this.accepted = accepted;
    }

    /// @param number must not be negative
    static Automaton accepting(Set<Order> accepted, BigDecimal number) {
        return new DecimalComparison(number, accepted).build();
    }

    private Automaton build() {
        int length = whole.length();
        Order begun = fraction.isEmpty()
                ? Order.EQUAL
                : Order.LESS; // the result if a decimal has the same whole part and no fraction
        int[] same = new int[length + 1]; // the states in which all digits so far are the number's
        int[] less = new int[length + 1];
        int[] greater = new int[length + 1];
        for (int i = 0; i <= length; i++) {
            boolean full = i == length;
            same[i] = state(full ? begun : Order.LESS);
            less[i] = state(Order.LESS);
            greater[i] = state(full ? Order.GREATER : Order.LESS);
        }
        int longer = state(Order.GREATER);
        for (int i = 0; i < length; i++) {
            addDigit(same[i], whole.charAt(i), less[i + 1], same[i + 1], greater[i + 1]);
            decimals.addTransition(less[i], less[i + 1], '0', '9');
            decimals.addTransition(greater[i], greater[i + 1], '0', '9');
        }
        for (int full : new int[] {same[length], less[length], greater[length], longer}) {
            decimals.addTransition(full, longer, '0', '9');
        }

        int lessFraction = state(Order.LESS);
        int greaterFraction = state(Order.GREATER);
        decimals.addTransition(lessFraction, lessFraction, '0', '9');
        decimals.addTransition(greaterFraction, greaterFraction, '0', '9');
        for (int i = 0; i <= length; i++) {
            decimals.addTransition(less[i], lessFraction, '.');
            decimals.addTransition(greater[i], i == length ? greaterFraction : lessFraction, '.');
            if (i < length) {
                decimals.addTransition(same[i], lessFraction, '.');
            }
        }
        decimals.addTransition(longer, greaterFraction, '.');
        int sameFraction = state(begun);
        decimals.addTransition(same[length], sameFraction, '.');
        for (int i = 0; i < fraction.length(); i++) {
            int next = state(i + 1 == fraction.length() ? Order.EQUAL : Order.LESS);
            addDigit(sameFraction, fraction.charAt(i), lessFraction, next, greaterFraction);
            sameFraction = next;
        }
        addDigit(sameFraction, '0', lessFraction, sameFraction, greaterFraction);
        return Language.deterministic(decimals.finish());
    }

    private int state(Order ifItEndsHere) {
        int state = decimals.createState();
        decimals.setAccept(state, accepted.contains(ifItEndsHere));
        return state;
    }

    /// Adds transitions for digits less than `digit`, for `digit` itself, and for greater digits.
    private void addDigit(int source, char digit, int less, int same, int greater) {
        if (digit > '0') {
            decimals.addTransition(source, less, '0', digit - 1);
        }
        decimals.addTransition(source, same, digit);
        if (digit < '9') {
            decimals.addTransition(source, greater, digit + 1, '9');
        }
    }
}
