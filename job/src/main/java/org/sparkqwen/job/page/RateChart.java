package org.sparkqwen.job.page;

import java.util.List;
import org.sparkqwen.job.run.WorkRate;

/// Draws the tokens per second of a run over its time. Each bar is as wide as the time that it stands for.
final class RateChart {
    private static final int WIDTH = 520;
    private static final int HEIGHT = 200;
    private static final double MINUTE = 60;
    private static final double HOUR = 3600;

    private RateChart() {}

    /// Draws the rates of the parts of a run.
    ///
    /// @param parts at least one, in their order; together they have taken some time
    static Svg of(List<WorkRate> parts) {
        double seconds = parts.stream().mapToDouble(WorkRate::seconds).sum();
        double unit = seconds > 3 * HOUR ? HOUR : seconds > 3 * MINUTE ? MINUTE : 1;
        String name = unit == HOUR ? "hours" : unit == MINUTE ? "minutes" : "seconds";
        double most =
                parts.stream().mapToDouble(WorkRate::tokensPerSecond).max().orElse(1);
        Frame frame = Frame.draw(
                WIDTH,
                HEIGHT,
                "Tokens per second over the time of the run",
                (from, to) -> Axis.fromZero(seconds / unit, from, to),
                name,
                (from, to) -> Axis.fromZero(most, from, to),
                "tokens/s");
        double begin = 0;
        for (WorkRate part : parts) {
            double end = begin + part.seconds();
            double left = frame.horizontal().place(begin / unit);
            double top = frame.vertical().place(part.tokensPerSecond());
            frame.svg()
                    .rectangle(
                            left,
                            top,
                            Math.max(0.5, frame.horizontal().place(end / unit) - left - 0.5),
                            frame.vertical().from() - top,
                            Svg.BLUE,
                            1,
                            "%s tokens/s, %s rows"
                                    .formatted(Numbers.of(part.tokensPerSecond()), Numbers.count(part.rows())));
            begin = end;
        }
        return frame.svg();
    }
}
