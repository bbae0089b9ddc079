package org.sparkqwen.job.page;

/// Writes one SVG picture into a page. Colours and sizes are presentation attributes, so the picture is whole where a
/// content policy forbids styles. Text and lines have the colour of the page's text, in the light and in the dark.
final class Svg {
    /// A blue and an orange that are readable on white and on black.
    static final String BLUE = "#3b82f6";

    static final String ORANGE = "#d97706";

    /// The colour of the text around the picture.
    static final String INK = "currentColor";

    private static final int FONT_SIZE = 12;

    private final StringBuilder svg = new StringBuilder();

    /// @param title what the picture shows, for those who cannot see it
    Svg(int width, int height, String title) {
        svg.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
                .formatted(width, height, width, height));
        svg.append(" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"%d\">".formatted(FONT_SIZE));
        svg.append("<title>").append(Html.escape(title)).append("</title>");
    }

    /// Draws a filled rectangle.
    ///
    /// @param hint what a browser shows when the pointer rests on it
    Svg rectangle(double x, double y, double width, double height, String fill, double opacity, String hint) {
        svg.append("<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\""
                .formatted(number(x), number(y), number(width), number(height), fill));
        if (opacity < 1) {
            svg.append(" fill-opacity=\"%s\"".formatted(number(opacity)));
        }
        svg.append("><title>").append(Html.escape(hint)).append("</title></rect>");
        return this;
    }

    Svg dot(double x, double y, String fill, String hint) {
        svg.append("<circle cx=\"%s\" cy=\"%s\" r=\"3\" fill=\"%s\"><title>%s</title></circle>"
                .formatted(number(x), number(y), fill, Html.escape(hint)));
        return this;
    }

    Svg line(double x1, double y1, double x2, double y2, String stroke, double width, double opacity) {
        svg.append("<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" stroke=\"%s\" stroke-width=\"%s\""
                .formatted(number(x1), number(y1), number(x2), number(y2), stroke, number(width)));
        if (opacity < 1) {
            svg.append(" stroke-opacity=\"%s\"".formatted(number(opacity)));
        }
        svg.append("/>");
        return this;
    }

    /// Writes a line of text.
    ///
    /// @param anchor which part of the text is at `x`: `start`, `middle` or `end`
    Svg text(double x, double y, String anchor, String text) {
        svg.append("<text x=\"%s\" y=\"%s\" text-anchor=\"%s\" fill=\"%s\">%s</text>"
                .formatted(number(x), number(y), anchor, INK, Html.escape(text)));
        return this;
    }

    /// Returns a number with one digit after the point at most.
    private static String number(double value) {
        String text = "%.1f".formatted(value);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    @Override
    public String toString() {
        return svg + "</svg>";
    }
}
