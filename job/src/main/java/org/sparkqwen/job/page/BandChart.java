package org.sparkqwen.job.page;

import java.util.List;
import org.sparkqwen.job.page.ScoreFigures.LengthBand;

/// Draws how bits per byte depend on the length of documents. For each length, a bar spans the middle 80 % of the
/// documents, and a dot is their median.
final class BandChart {
    private static final int WIDTH = 520;
    private static final int HEIGHT = 240;
    private static final double SOFT = 0.45;

    private BandChart() {}

    static Svg of(List<LengthBand> bands) {
        int first = bands.getFirst().bin();
        int last = bands.getLast().bin();
        double most = bands.stream()
                .mapToDouble(band -> band.bitsPerByte().at(90))
                .max()
                .orElse(1);
        Frame frame = Frame.draw(
                WIDTH,
                HEIGHT,
                "Bits per byte by the length of documents",
                (from, to) -> Axis.logarithmic(Histogram.from(first), Histogram.from(last + 1), from, to),
                "tokens of a document",
                (from, to) -> Axis.fromZero(most, from, to),
                "bits per byte");
        for (LengthBand band : bands) {
            draw(frame, band);
        }
        return frame.svg();
    }

    private static void draw(Frame frame, LengthBand band) {
        double from = Histogram.from(band.bin());
        double to = Histogram.from(band.bin() + 1);
        double left = frame.horizontal().place(from);
        double width = Math.max(1, frame.horizontal().place(to) - left - 1);
        Quantiles bits = band.bitsPerByte();
        double top = frame.vertical().place(bits.at(90));
        double bottom = frame.vertical().place(bits.at(10));
        String hint = "%s to %s tokens, %s rows: 10 %% below %s, half below %s, 90 %% below %s"
                .formatted(
                        Numbers.of(from),
                        Numbers.of(to),
                        Numbers.count(band.rows()),
                        Numbers.of(bits.at(10)),
                        Numbers.of(bits.at(50)),
                        Numbers.of(bits.at(90)));
        frame.svg()
                .rectangle(left, top, width, Math.max(1, bottom - top), Svg.BLUE, SOFT, hint)
                .dot(left + width / 2, frame.vertical().place(bits.at(50)), Svg.ORANGE, hint);
    }
}
