package org.sparkqwen.job.page;

import java.util.ArrayList;
import java.util.List;

/// The places of quantities along one side of a chart.
///
/// @param logarithmic whether equal ratios, and not equal differences, have equal lengths
/// @param least the quantity at `from`; positive on a logarithmic axis
/// @param most the quantity at `to`, greater than `least`
/// @param from the place of `least` in the picture
/// @param to the place of `most`, which may be below `from`
record Axis(boolean logarithmic, double least, double most, double from, double to) {
    private static final int MOST_TICKS = 9;
    private static final double[] STEPS = {1, 2, 5};

    /// Makes an axis on which equal ratios have equal lengths.
    static Axis logarithmic(double least, double most, double from, double to) {
        return new Axis(true, least, Math.max(most, least * 1.1), from, to);
    }

    /// Makes an axis that begins at 0.
    static Axis fromZero(double most, double from, double to) {
        return new Axis(false, 0, most > 0 ? most : 1, from, to);
    }

    double place(double quantity) {
        double inside = Math.min(most, Math.max(least, quantity));
        double part = logarithmic
                ? (Math.log(inside) - Math.log(least)) / (Math.log(most) - Math.log(least))
                : (inside - least) / (most - least);
        return from + part * (to - from);
    }

    /// Returns the round quantities that have a label, at most nine.
    List<Double> ticks() {
        if (!logarithmic) {
            return linearTicks();
        }
        List<Double> ticks = logarithmicTicks(STEPS);
        if (ticks.size() <= MOST_TICKS) {
            return ticks;
        }
        List<Double> powers = logarithmicTicks(new double[] {1});
        int every = (powers.size() + MOST_TICKS - 1) / MOST_TICKS;
        List<Double> some = new ArrayList<>();
        for (int i = 0; i < powers.size(); i += every) {
            some.add(powers.get(i));
        }
        return some;
    }

    private List<Double> logarithmicTicks(double[] steps) {
        List<Double> ticks = new ArrayList<>();
        for (int power = (int) Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
            for (double step : steps) {
                double tick = step * Math.pow(10, power);
                if (tick >= least && tick <= most) {
                    ticks.add(tick);
                }
            }
        }
        return ticks;
    }

    private List<Double> linearTicks() {
        double rough = most / 5;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double step = 10 * power;
        for (int i = STEPS.length - 1; i >= 0; i--) {
            step = STEPS[i] * power >= rough ? STEPS[i] * power : step;
        }
        List<Double> ticks = new ArrayList<>();
        for (int i = 0; i * step <= most; i++) {
            ticks.add(i * step);
        }
        return ticks;
    }
}
