package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkqwen.job.page.Distributions.Distribution;

/// The page of a run of `generate`.
final class GeneratePage {
    private static final int MOST_SAMPLES = 12;

    private GeneratePage() {}

    /// Makes the page.
    ///
    /// @param texts the rows of the output
    static String of(RunFacts run, Dataset<Row> texts, Example.Columns columns) {
        GenerateFigures figures = GenerateFigures.of(texts);
        Html page = new Html("Generated %s texts from %s".formatted(Numbers.count(run.count("rows")), run.input()));
        List<List<String>> facts = new ArrayList<>(run.lines());
        facts.add(List.of("generated tokens", Numbers.count(run.count("generated_tokens"))));
        facts.add(List.of("generated tokens per second", Numbers.of(run.number("generated_tokens_per_second"))));
        facts.add(List.of("prompt tokens", Numbers.count(run.count("prompt_tokens"))));
        facts.add(List.of(
                "found in the prefix cache",
                Numbers.percent(run.summary().at("/prefix_cache/hit_rate").asDouble()) + " of the prompts' tokens"));
        page.facts(facts);

        Distribution lengths = figures.distributions().get("generated_tokens");
        if (lengths.isEmpty()) {
            page.paragraph("No text has any token, so there are no distributions.");
        } else {
            page.heading("Length of the texts");
            page.note("The orange line is the median.");
            page.picture(HistogramChart.of(lengths, "generated tokens"));
        }
        writeReasons(page, run);
        writeVariety(page, figures);
        run.writeCommon(page);
        page.heading("Samples");
        page.note("Texts chosen at random, the same in each report.");
        Dataset<Row> shuffled = texts.filter(col("generated_tokens").gt(0)).sort(xxhash64(col("token_ids")));
        page.examples(Example.first(shuffled, col("generated_tokens"), MOST_SAMPLES, columns), "tokens");
        return page.text();
    }

    private static void writeReasons(Html page, RunFacts run) {
        List<List<String>> rows = new ArrayList<>();
        long all = run.count("rows");
        run.summary().path("finish_reasons").properties().forEach(reason -> {
            long texts = reason.getValue().asLong();
            rows.add(List.of(reason.getKey(), Numbers.count(texts), Numbers.percent((double) texts / all)));
        });
        if (!rows.isEmpty()) {
            page.heading("Why texts end");
            page.numbers(List.of("reason", "texts", "share"), rows);
        }
    }

    private static void writeVariety(Html page, GenerateFigures figures) {
        if (figures.distinct().isEmpty()) {
            return;
        }
        page.heading("Variety");
        page.note(
                "Distinct-n is the share of different runs of n tokens among all runs in %s texts. The lower it is, the"
                                .formatted(Numbers.count(figures.compared()))
                        + " more the texts say the same. Repeated 4-grams are those that a text itself has had"
                        + " before.");
        List<List<String>> rows = new ArrayList<>();
        figures.distinct().forEach((n, share) -> rows.add(List.of("distinct-" + n, Numbers.percent(share))));
        rows.add(List.of("repeated 4-grams", Numbers.percent(figures.repeated())));
        page.numbers(List.of("measure", "share"), rows);
    }
}
