package org.sparkqwen.job.page;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.page.Distributions.Distribution;
import org.sparkqwen.job.page.ScoreFigures.Group;

/// The page of a run of `score`.
final class ScorePage {
    private static final int MOST_WORST = 10;

    private ScorePage() {}

    /// Makes the page.
    ///
    /// @param scores the rows of the output
    /// @param by the column whose values are compared; null for none
    static String of(RunFacts run, Dataset<Row> scores, Example.Columns columns, @Nullable String by) {
        ScoreFigures figures = ScoreFigures.of(scores, by);
        Distribution bits = figures.distributions().get("bits_per_byte");
        Html page = new Html("Scored %s rows of %s".formatted(Numbers.count(run.count("rows")), run.input()));
        page.facts(facts(run));
        if (bits.isEmpty()) {
            page.paragraph("No document was scored as a whole, so there are no distributions.");
        } else {
            page.heading("Bits per byte");
            page.note("The fewer bits the model needs for a byte of a document, the better it foresees the text."
                    + " The orange line is the median.");
            page.picture(HistogramChart.of(bits, "bits per byte"));
            writeGroups(page, figures, by);
            page.heading("Perplexity of a token");
            page.picture(HistogramChart.of(figures.distributions().get("perplexity"), "perplexity"));
            writeQuantiles(page, figures);
            BucketTable.write(page, run.summary().path("buckets"));
            page.heading("Length");
            page.note("Short documents give the model little context. A bar spans the middle 80 % of the documents of"
                    + " about one length, and a dot is their median.");
            page.picture(BandChart.of(figures.bands()));
        }
        run.writeCommon(page);
        writeExamples(page, scores, bits, columns);
        return page.text();
    }

    private static List<List<String>> facts(RunFacts run) {
        List<List<String>> facts = new ArrayList<>();
        addIfKnown(facts, "perplexity of a token", run.number("perplexity"));
        addIfKnown(facts, "perplexity of a word", run.number("word_perplexity"));
        addIfKnown(facts, "bits per byte", run.number("bits_per_byte"));
        facts.addAll(run.lines());
        facts.add(List.of("tokens", Numbers.count(run.count("tokens"))));
        facts.add(List.of("tokens per second", Numbers.of(run.number("tokens_per_second"))));
        List<String> policy = new ArrayList<>();
        run.summary()
                .path("policy")
                .properties()
                .forEach(setting ->
                        policy.add(setting.getKey() + " " + setting.getValue().asText()));
        facts.add(List.of("windows", String.join(", ", policy)));
        return facts;
    }

    private static void addIfKnown(List<List<String>> facts, String name, double value) {
        if (!Double.isNaN(value)) {
            facts.add(List.of(name, Numbers.of(value)));
        }
    }

    private static void writeGroups(Html page, ScoreFigures figures, @Nullable String by) {
        List<Group> groups = figures.groups().stream()
                .filter(group -> !group.bitsPerByte().isEmpty())
                .toList();
        if (by == null || groups.isEmpty()) {
            return;
        }
        page.heading("Bits per byte by " + Quote.of(by));
        page.note("The most frequent values, each on the same axis.");
        List<Distribution> all = groups.stream().map(Group::bitsPerByte).toList();
        page.multiples(groups.stream()
                .map(group -> new Html.Picture(
                        "%s: %s rows, median %s"
                                .formatted(
                                        Quote.of(String.valueOf(group.name())),
                                        Numbers.count(group.rows()),
                                        Numbers.of(
                                                group.bitsPerByte().quantiles().at(50))),
                        HistogramChart.small(group.bitsPerByte(), "bits per byte", all)))
                .toList());
    }

    private static void writeQuantiles(Html page, ScoreFigures figures) {
        page.heading("Percentiles");
        page.note("So many percent of the documents have less than the number below.");
        List<String> head = new ArrayList<>(List.of(""));
        Quantiles.names().forEach(head::add);
        List<List<String>> rows = new ArrayList<>();
        figures.distributions().of().forEach((name, distribution) -> {
            if (!distribution.isEmpty()) {
                List<String> row = new ArrayList<>(List.of(name.replace('_', ' ')));
                distribution.quantiles().values().forEach(value -> row.add(Numbers.of(value)));
                rows.add(row);
            }
        });
        page.numbers(head, rows);
    }

    private static void writeExamples(Html page, Dataset<Row> scores, Distribution bits, Example.Columns columns) {
        if (bits.isEmpty()) {
            return;
        }
        Dataset<Row> scored = Distributions.scored(scores);
        page.heading("Examples");
        page.note("The documents nearest to the percentiles of bits per byte.");
        page.examples(Example.atPercentiles(scored, "bits_per_byte", bits.quantiles(), columns), "bits per byte");
        page.heading("The worst");
        page.note("The documents with the most bits per byte.");
        page.examples(Example.greatest(scored, "bits_per_byte", MOST_WORST, columns), "bits per byte");
    }
}
