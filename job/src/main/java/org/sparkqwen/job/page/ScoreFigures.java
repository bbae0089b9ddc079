package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.page.Distributions.Distribution;

/// What the report shows of a scored output as a whole and by the values of a column.
///
/// @param distributions the distributions of bits per byte, perplexity and tokens
/// @param bands how bits per byte depend on the length of documents, from the shortest to the longest
/// @param groups the most frequent values of a column, those with most rows first; empty if no column was asked for
record ScoreFigures(Distributions distributions, List<LengthBand> bands, List<Group> groups) {
    /// The most groups that have a chart of their own.
    private static final int MOST_GROUPS = 12;

    private static final String GROUP = "_spark_qwen_group";
    private static final String BIN = "_spark_qwen_bin";
    private static final String ROWS = "_spark_qwen_rows";
    private static final String QUANTILES = "_spark_qwen_quantiles";

    /// The bits per byte of documents of about one length.
    ///
    /// @param bin the length's bin, see [Histogram]
    record LengthBand(int bin, long rows, Quantiles bitsPerByte) {}

    /// The bits per byte of rows that have one value in a column.
    ///
    /// @param name the value; null is one, too
    record Group(@Nullable String name, long rows, Distribution bitsPerByte) {}

    /// Computes the figures.
    ///
    /// @param scores the rows of an output of `score`
    /// @param by the column whose values are compared; null for none
    static ScoreFigures of(Dataset<Row> scores, @Nullable String by) {
        Dataset<Row> scored = Distributions.scored(scores);
        return new ScoreFigures(
                Distributions.ofScores(scores), bands(scored), by == null ? List.of() : groups(scored, by));
    }

    private static List<LengthBand> bands(Dataset<Row> scored) {
        List<LengthBand> bands = new ArrayList<>();
        scored.filter(col("bits_per_byte").isNotNull())
                .withColumn(BIN, Histogram.bin(col("tokens")))
                .groupBy(BIN)
                .agg(count(lit(1)).as(ROWS), Quantiles.of(col("bits_per_byte")).as(QUANTILES))
                .sort(BIN)
                .collectAsList()
                .forEach(row ->
                        bands.add(new LengthBand(row.getAs(BIN), row.getAs(ROWS), Quantiles.read(row, QUANTILES))));
        return bands;
    }

    private static List<Group> groups(Dataset<Row> scored, String by) {
        Dataset<Row> grouped = scored.withColumn(GROUP, ContentColumn.column(by).cast("string"));
        List<Row> frequent = grouped.groupBy(GROUP)
                .agg(count(lit(1)).as(ROWS), Quantiles.of(col("bits_per_byte")).as(QUANTILES))
                .sort(col(ROWS).desc(), col(GROUP).asc_nulls_first())
                .limit(MOST_GROUPS)
                .collectAsList();
        Column isFrequent = frequent.stream()
                .map(row -> col(GROUP).eqNullSafe(lit(row.<@Nullable String>getAs(GROUP))))
                .reduce(lit(false), Column::or);
        List<Row> bins = grouped.filter(isFrequent)
                .withColumn(BIN, Histogram.bin(col("bits_per_byte")))
                .filter(col(BIN).isNotNull())
                .groupBy(GROUP, BIN)
                .agg(count(lit(1)).as(ROWS))
                .collectAsList();
        List<Group> groups = new ArrayList<>();
        for (Row row : frequent) {
            String name = row.getAs(GROUP);
            TreeMap<Integer, Long> counts = new TreeMap<>();
            bins.stream()
                    .filter(bin -> Objects.equals(bin.getAs(GROUP), name))
                    .forEach(bin -> counts.put(bin.getAs(BIN), bin.getAs(ROWS)));
            groups.add(new Group(
                    name, row.getAs(ROWS), new Distribution(new Histogram(counts), Quantiles.read(row, QUANTILES))));
        }
        return groups;
    }
}
