package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;

/// The page of two runs of `score` over one corpus: which documents the second run's model foresees better.
final class ComparisonPage {
    private static final int MOST_EXAMPLES = 6;
    private static final String KEY = "_spark_qwen_key";
    private static final String FIRST = "_spark_qwen_first";
    private static final String SECOND = "_spark_qwen_second";
    private static final String GAIN = "_spark_qwen_gain";
    private static final String QUANTILES = "_spark_qwen_quantiles";

    private ComparisonPage() {}

    /// Makes the page.
    ///
    /// @param key a column that names each document in both runs
    /// @throws Refusal if the column does not name documents, or no document is in both runs
    static String of(RunOutput first, RunOutput second, String key) {
        Dataset<Row> both = keyed(first, key, FIRST)
                .join(keyed(second, key, SECOND).select(KEY, SECOND), KEY)
                .withColumn(GAIN, col(FIRST).minus(col(SECOND)));
        Row facts = both.agg(
                        count(lit(1)).as("rows"),
                        countDistinct(col(KEY)).as("keys"),
                        count(when(col(GAIN).gt(0), lit(1))).as("better"),
                        avg(col(GAIN)).as("mean"),
                        Quantiles.of(col(GAIN)).as(QUANTILES))
                .first();
        long rows = facts.<Long>getAs("rows");
        if (rows == 0) {
            throw Refusal.usage("--compare: no document of %s is in %s with the same %s and a score in both"
                    .formatted(first.directory(), second.directory(), Quote.of(key)));
        }
        if (facts.<Long>getAs("keys") != rows) {
            throw Refusal.usage("--key %s: several rows have the same value; choose a column that names each document"
                    .formatted(Quote.of(key)));
        }
        String firstName = name(first, second);
        String secondName = name(second, first);
        Html page = new Html("%s against %s".formatted(secondName, firstName));
        page.numbers(List.of("", first.directory(), second.directory()), lines(first.facts(), second.facts()));
        page.heading("Bits per byte of each document");
        page.note("A document below the line needs fewer bits in %s. The darker, the more documents."
                .formatted(second.directory()));
        page.picture(HeatChart.of(cells(both), firstName, secondName + " (vertical)"));
        page.heading("Gain of a document");
        page.note(
                "The gain is how many bits per byte fewer a document needs in %s. %s of %s documents gain; the mean is %s."
                        .formatted(
                                second.directory(),
                                Numbers.percent((double) facts.<Long>getAs("better") / rows),
                                Numbers.count(rows),
                                Numbers.of(facts.<Double>getAs("mean"))));
        List<String> head = new ArrayList<>(List.of(""));
        Quantiles.names().forEach(head::add);
        List<String> gains = new ArrayList<>(List.of("gain"));
        Quantiles.read(facts, QUANTILES).values().forEach(value -> gains.add(Numbers.of(value)));
        page.numbers(head, List.of(gains));
        page.heading("What gains most");
        page.examples(
                Example.first(both.sort(col(GAIN).desc()), col(GAIN), MOST_EXAMPLES, first.columns()),
                "bits per byte fewer");
        page.heading("What loses most");
        page.examples(
                Example.first(both.sort(col(GAIN)), col(GAIN), MOST_EXAMPLES, first.columns()), "bits per byte fewer");
        return page.text();
    }

    /// Returns what tells a run from the other: its model, or else the name of its directory, or else the whole
    /// path.
    private static String name(RunOutput run, RunOutput other) {
        if (!run.facts().model().equals(other.facts().model())) {
            return run.facts().model();
        }
        String directory = new Path(run.directory()).getName();
        return directory.equals(new Path(other.directory()).getName()) ? run.directory() : directory;
    }

    /// Returns the rows of a run that have a score, with their key and their bits per byte.
    private static Dataset<Row> keyed(RunOutput run, String key, String name) {
        run.refuseWithout("--key", key);
        return run.rows()
                .filter(col("bits_per_byte").isNotNull())
                .withColumn(KEY, ContentColumn.column(key).cast("string"))
                .withColumn(name, col("bits_per_byte"));
    }

    private static List<HeatChart.Cell> cells(Dataset<Row> both) {
        List<HeatChart.Cell> cells = new ArrayList<>();
        both.groupBy(
                        Histogram.bin(col(FIRST)).as("first"),
                        Histogram.bin(col(SECOND)).as("second"))
                .agg(count(lit(1)).as("rows"))
                .na()
                .drop()
                .collectAsList()
                .forEach(row ->
                        cells.add(new HeatChart.Cell(row.getAs("first"), row.getAs("second"), row.getAs("rows"))));
        return cells;
    }

    private static List<List<String>> lines(RunFacts first, RunFacts second) {
        List<List<String>> lines = new ArrayList<>();
        add(lines, "model", RunFacts::model, first, second);
        add(lines, "input", RunFacts::input, first, second);
        add(lines, "rows", run -> Numbers.count(run.count("rows")), first, second);
        for (String number : List.of("perplexity", "word_perplexity", "bits_per_byte", "tokens_per_second")) {
            add(lines, number.replace('_', ' '), run -> Numbers.of(run.number(number)), first, second);
        }
        return lines;
    }

    private static void add(
            List<List<String>> lines, String name, Function<RunFacts, String> fact, RunFacts first, RunFacts second) {
        lines.add(List.of(name, fact.apply(first), fact.apply(second)));
    }
}
