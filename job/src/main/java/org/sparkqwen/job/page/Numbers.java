package org.sparkqwen.job.page;

import java.util.Locale;

/// Numbers as a page shows them: short, with three digits that count.
final class Numbers {
    private static final double THOUSAND = 1e3;
    private static final double MILLION = 1e6;
    private static final double BILLION = 1e9;

    private Numbers() {}

    /// Returns a count with a comma after every third digit.
    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /// Returns a quantity, such as `0.52`, `24`, `62.3`, `2,876` or `1.2M`.
    static String of(double value) {
        double size = Math.abs(value);
        if (!Double.isFinite(value)) {
            return Double.toString(value);
        }
        if (size >= BILLION) {
            return String.format(Locale.ROOT, "%.3g", value);
        }
        if (size >= MILLION) {
            return String.format(Locale.ROOT, "%.1fM", value / MILLION);
        }
        boolean whole = size >= 10 && value == Math.rint(value);
        return String.format(Locale.ROOT, size >= THOUSAND || whole ? "%,.0f" : size >= 10 ? "%.1f" : "%.2f", value);
    }

    /// Returns the label of a tick on an axis, such as `0.5`, `20`, `5k` or `1M`.
    static String tick(double value) {
        double size = Math.abs(value);
        if (size >= BILLION) {
            return String.format(Locale.ROOT, "%.0e", value);
        }
        if (size >= MILLION) {
            return trimmed(value / MILLION) + "M";
        }
        return size >= THOUSAND ? trimmed(value / THOUSAND) + "k" : trimmed(value);
    }

    /// Returns a share as a percentage.
    static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f %%", 100 * share);
    }

    private static String trimmed(double value) {
        String text = String.format(Locale.ROOT, "%.3f", value);
        return text.replaceFirst("\\.?0+$", "");
    }
}
