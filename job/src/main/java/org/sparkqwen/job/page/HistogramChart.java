package org.sparkqwen.job.page;

import java.util.Collection;
import java.util.IntSummaryStatistics;
import java.util.Map;
import org.sparkqwen.job.page.Distributions.Distribution;

/// Draws a histogram on a logarithmic axis. A line marks the median.
final class HistogramChart {
    private static final int WIDTH = 520;
    private static final int HEIGHT = 220;
    private static final int SMALL_WIDTH = 320;
    private static final int SMALL_HEIGHT = 160;

    private HistogramChart() {}

    /// Draws the distribution of rows.
    ///
    /// @param quantity the name of what is on the horizontal axis
    static Svg of(Distribution distribution, String quantity) {
        Histogram histogram = distribution.histogram();
        return draw(
                distribution,
                quantity,
                WIDTH,
                HEIGHT,
                histogram.counts().firstKey(),
                histogram.counts().lastKey());
    }

    /// Draws the distribution of one group with the same horizontal axis as those of others.
    ///
    /// @param all the distributions that are compared
    static Svg small(Distribution distribution, String quantity, Collection<Distribution> all) {
        IntSummaryStatistics bins = all.stream()
                .flatMap(each -> each.histogram().counts().keySet().stream())
                .mapToInt(Integer::intValue)
                .summaryStatistics();
        return draw(distribution, quantity, SMALL_WIDTH, SMALL_HEIGHT, bins.getMin(), bins.getMax());
    }

    private static Svg draw(
            Distribution distribution, String quantity, int width, int height, int firstBin, int lastBin) {
        Histogram histogram = distribution.histogram();
        double most = histogram.counts().values().stream()
                .mapToDouble(Long::doubleValue)
                .max()
                .orElse(0);
        Frame frame = Frame.draw(
                width,
                height,
                "Histogram of " + quantity,
                (from, to) -> Axis.logarithmic(Histogram.from(firstBin), Histogram.from(lastBin + 1), from, to),
                quantity,
                (from, to) -> Axis.fromZero(most, from, to),
                "rows");
        Axis horizontal = frame.horizontal();
        Axis vertical = frame.vertical();
        for (Map.Entry<Integer, Long> bin : histogram.counts().entrySet()) {
            double from = Histogram.from(bin.getKey());
            double to = Histogram.from(bin.getKey() + 1);
            double left = horizontal.place(from);
            double top = vertical.place(bin.getValue().doubleValue());
            frame.svg()
                    .rectangle(
                            left,
                            top,
                            Math.max(1, horizontal.place(to) - left - 1),
                            vertical.from() - top,
                            Svg.BLUE,
                            1,
                            "%s to %s: %s rows"
                                    .formatted(Numbers.of(from), Numbers.of(to), Numbers.count(bin.getValue())));
        }
        if (!distribution.isEmpty()) {
            double median = horizontal.place(distribution.quantiles().at(50));
            frame.svg().line(median, vertical.from(), median, vertical.to(), Svg.ORANGE, 2, 1);
        }
        return frame.svg();
    }
}
