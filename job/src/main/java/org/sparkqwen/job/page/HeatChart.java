package org.sparkqwen.job.page;

import java.util.List;

/// Draws how many documents have which bits per byte under two models. A document below the diagonal has fewer bits
/// under the model of the vertical axis.
final class HeatChart {
    private static final int WIDTH = 480;
    private static final int HEIGHT = 460;
    private static final double FAINTEST = 0.15;
    private static final double LINE = 0.6;

    private HeatChart() {}

    /// How many documents are in one bin under one model, and in one under the other; see [Histogram].
    record Cell(int horizontalBin, int verticalBin, long rows) {}

    /// Draws the cells.
    ///
    /// @param cells at least one
    /// @param horizontal the name of the model of the horizontal axis
    static Svg of(List<Cell> cells, String horizontal, String vertical) {
        double least = Histogram.from(cells.stream()
                .mapToInt(cell -> Math.min(cell.horizontalBin(), cell.verticalBin()))
                .min()
                .orElse(0));
        double most = Histogram.from(1
                + cells.stream()
                        .mapToInt(cell -> Math.max(cell.horizontalBin(), cell.verticalBin()))
                        .max()
                        .orElse(0));
        double rows =
                cells.stream().mapToDouble(cell -> (double) cell.rows()).max().orElse(1);
        Frame frame = Frame.draw(
                WIDTH,
                HEIGHT,
                "Bits per byte of documents under two models",
                (from, to) -> Axis.logarithmic(least, most, from, to),
                horizontal,
                (from, to) -> Axis.logarithmic(least, most, from, to),
                vertical);
        for (Cell cell : cells) {
            double left = frame.horizontal().place(Histogram.from(cell.horizontalBin()));
            double right = frame.horizontal().place(Histogram.from(cell.horizontalBin() + 1));
            double bottom = frame.vertical().place(Histogram.from(cell.verticalBin()));
            double top = frame.vertical().place(Histogram.from(cell.verticalBin() + 1));
            double opacity = FAINTEST + (1 - FAINTEST) * Math.log1p((double) cell.rows()) / Math.log1p(rows);
            frame.svg()
                    .rectangle(
                            left,
                            top,
                            right - left,
                            bottom - top,
                            Svg.BLUE,
                            opacity,
                            "%s rows".formatted(Numbers.count(cell.rows())));
        }
        frame.svg()
                .line(
                        frame.horizontal().from(),
                        frame.vertical().from(),
                        frame.horizontal().to(),
                        frame.vertical().to(),
                        Svg.ORANGE,
                        1.5,
                        LINE);
        return frame.svg();
    }
}
