package org.sparkqwen.job.page;

import java.util.List;
import org.sparkqwen.engine.message.Quote;

/// Writes one static page without scripts and without anything from elsewhere.
///
/// The style only arranges the page. Where a content policy forbids it, the page is one column in the browser's own
/// fonts, and nothing is missing.
final class Html {
    private static final String BEFORE_TITLE = """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        """;

    private static final String AFTER_TITLE = """
        <style>
        :root { color-scheme: light dark; }
        body { font-family: system-ui, sans-serif; line-height: 1.45; max-width: 62rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.5rem; margin: .5rem 0 0; overflow-wrap: anywhere; }
        h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
        p.note { opacity: .75; margin: .25rem 0 .75rem; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; }
        th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
        th { font-weight: 600; }
        td { overflow-wrap: anywhere; }
        .wide td:first-child { min-width: 7rem; overflow-wrap: break-word; }
        td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        svg { max-width: 100%; height: auto; }
        .multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: 1rem; }
        figure { margin: 0; }
        figcaption { font-weight: 600; overflow-wrap: anywhere; }
        blockquote { margin: .25rem 0 1rem; padding: 0 0 0 .8rem; border-left: 3px solid #3b82f6;
          white-space: pre-wrap; overflow-wrap: anywhere; }
        .labels { opacity: .75; }
        </style>
        </head>
        <body>
        """;

    private final StringBuilder page = new StringBuilder();

    Html(String title) {
        page.append(BEFORE_TITLE)
                .append("<title>")
                .append(escape(title))
                .append("</title>\n")
                .append(AFTER_TITLE);
        page.append("<h1>").append(escape(title)).append("</h1>\n");
    }

    /// Returns text that no browser takes for markup. Control characters become visible escapes.
    static String escape(String text) {
        StringBuilder escaped = new StringBuilder(text.length());
        text.codePoints().forEach(codePoint -> {
            switch (codePoint) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '"' -> escaped.append("&quot;");
                case '\'' -> escaped.append("&#39;");
                case '\n' -> escaped.append('\n');
                case '\t' -> escaped.append(' ');
                default -> {
                    if (Quote.isPlain(codePoint)) {
                        escaped.appendCodePoint(codePoint);
                    } else {
                        escaped.append("\\u%04x".formatted(codePoint));
                    }
                }
            }
        });
        return escaped.toString();
    }

    Html heading(String text) {
        page.append("<h2>").append(escape(text)).append("</h2>\n");
        return this;
    }

    Html paragraph(String text) {
        page.append("<p>").append(escape(text)).append("</p>\n");
        return this;
    }

    /// Writes a paragraph that explains what follows.
    Html note(String text) {
        page.append("<p class=\"note\">").append(escape(text)).append("</p>\n");
        return this;
    }

    /// Writes a table of facts, a line each: a name and a value.
    Html facts(List<List<String>> facts) {
        page.append("<table>\n");
        facts.forEach(fact -> page.append("<tr><th scope=\"row\">%s</th><td>%s</td></tr>%n"
                .formatted(escape(fact.getFirst()), escape(fact.getLast()))));
        page.append("</table>\n");
        return this;
    }

    /// Writes a table whose first column is text, and whose others are numbers.
    Html numbers(List<String> head, List<List<String>> rows) {
        page.append("<div class=\"wide\"><table>\n<tr>");
        for (int i = 0; i < head.size(); i++) {
            page.append("<th%s>%s</th>".formatted(alignment(i), escape(head.get(i))));
        }
        page.append("</tr>\n");
        for (List<String> row : rows) {
            page.append("<tr>");
            for (int i = 0; i < row.size(); i++) {
                page.append("<td%s>%s</td>".formatted(alignment(i), escape(row.get(i))));
            }
            page.append("</tr>\n");
        }
        page.append("</table></div>\n");
        return this;
    }

    private static String alignment(int column) {
        return column == 0 ? "" : " class=\"number\" align=\"right\"";
    }

    Html picture(Svg svg) {
        page.append("<div class=\"wide\">").append(svg).append("</div>\n");
        return this;
    }

    /// Writes pictures that are compared with each other, beside each other where there is room.
    Html multiples(List<Picture> pictures) {
        page.append("<div class=\"multiples\">\n");
        pictures.forEach(picture -> page.append("<figure><figcaption>%s</figcaption>%s</figure>%n"
                .formatted(escape(picture.caption()), picture.svg())));
        page.append("</div>\n");
        return this;
    }

    /// A picture with what is written above it.
    record Picture(String caption, Svg svg) {}

    /// Writes texts with what they are examples of.
    ///
    /// @param unit what the examples' values are
    Html examples(List<Example> examples, String unit) {
        for (Example example : examples) {
            page.append("<div><strong>%s</strong> %s %s <span class=\"labels\">%s</span></div>%n"
                    .formatted(
                            escape(example.rank()),
                            Numbers.of(example.value()),
                            escape(unit),
                            escape(example.labels())));
            String text = example.text();
            if (!text.isEmpty()) {
                String shown = text.codePointCount(0, text.length()) <= Example.LONGEST_TEXT
                        ? text
                        : text.substring(0, text.offsetByCodePoints(0, Example.LONGEST_TEXT)) + "…";
                page.append("<blockquote>").append(escape(shown)).append("</blockquote>\n");
            }
        }
        return this;
    }

    /// Returns the whole page.
    String text() {
        return page + "</body>\n</html>\n";
    }
}
