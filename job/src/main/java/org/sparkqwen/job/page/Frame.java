package org.sparkqwen.job.page;

import java.util.function.DoubleFunction;

/// The axes of a chart with their ticks and names, in which a chart draws.
///
/// @param horizontal the axis along the bottom
/// @param vertical the axis along the left side
record Frame(Svg svg, Axis horizontal, Axis vertical) {
    private static final int LEFT = 52;
    private static final int RIGHT = 12;
    private static final int TOP = 18;
    private static final int BOTTOM = 36;
    private static final int TICK = 4;
    private static final int LINE = 14;
    private static final double FAINT = 0.15;

    /// The axes of a chart, once their ends in the picture are known.
    ///
    /// @param <T> an axis, made from the places of its two ends
    interface Ends<T> {
        T between(double from, double to);
    }

    /// Draws the axes of a chart.
    ///
    /// @param title what the chart shows, for those who cannot see it
    /// @param below the name of the horizontal axis
    /// @param above the name of the vertical axis
    static Frame draw(
            int width,
            int height,
            String title,
            Ends<Axis> horizontal,
            String below,
            Ends<Axis> vertical,
            String above) {
        Svg svg = new Svg(width, height, title);
        Frame frame = new Frame(svg, horizontal.between(LEFT, width - RIGHT), vertical.between(height - BOTTOM, TOP));
        frame.ticks(Numbers::tick, height);
        svg.text(LEFT, LINE - TICK, "start", above);
        svg.text(width - RIGHT, height - TICK, "end", below);
        return frame;
    }

    private void ticks(DoubleFunction<String> label, int height) {
        double bottom = height - BOTTOM;
        for (double tick : vertical.ticks()) {
            double y = vertical.place(tick);
            svg.line(horizontal.from(), y, horizontal.to(), y, Svg.INK, 1, FAINT);
            svg.text(horizontal.from() - TICK, y + TICK, "end", label.apply(tick));
        }
        svg.line(horizontal.from(), bottom, horizontal.to(), bottom, Svg.INK, 1, 1);
        for (double tick : horizontal.ticks()) {
            double x = horizontal.place(tick);
            svg.line(x, bottom, x, bottom + TICK, Svg.INK, 1, 1);
            svg.text(x, bottom + LINE + 1, "middle", label.apply(tick));
        }
    }
}
