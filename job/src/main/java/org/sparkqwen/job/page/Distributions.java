package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/// The distributions of some columns over the rows of an output, which Spark computes in two passes.
///
/// @param of the distribution of each column, by the column's name
public record Distributions(Map<String, Distribution> of) {
    /// The distribution of one column.
    ///
    /// @param histogram how many rows have which values
    /// @param quantiles the percentiles of the values
    public record Distribution(Histogram histogram, Quantiles quantiles) {
        boolean isEmpty() {
            return histogram.isEmpty() || quantiles.isEmpty();
        }
    }

    public Distributions {
        of = Collections.unmodifiableMap(new LinkedHashMap<>(of)); // keeps the order
    }

    /// Computes the distributions of bits per byte, perplexity and tokens over the documents that were scored.
    ///
    /// @param scores the rows of an output of `score`
    public static Distributions ofScores(Dataset<Row> scores) {
        return of(scored(scores), List.of("bits_per_byte", "perplexity", "tokens"));
    }

    /// Returns the rows of which some token was scored.
    static Dataset<Row> scored(Dataset<Row> scores) {
        return scores.filter(col("tokens_scored").gt(0));
    }

    /// Computes the distributions of numeric columns. Nulls and values that are not positive are left out of the
    /// histograms.
    static Distributions of(Dataset<Row> rows, List<String> columns) {
        Map<String, TreeMap<Integer, Long>> counts = new LinkedHashMap<>();
        columns.forEach(column -> counts.put(column, new TreeMap<>()));
        Column[] bins = columns.stream()
                .map(column -> struct(
                        lit(column).as("name"), Histogram.bin(col(column)).as("bin")))
                .toArray(Column[]::new);
        rows.select(explode(array(bins)).as("binned"))
                .select("binned.*")
                .filter(col("bin").isNotNull())
                .groupBy("name", "bin")
                .agg(count(lit(1)).as("rows"))
                .collectAsList()
                .forEach(row -> counts.computeIfAbsent(row.getAs("name"), name -> new TreeMap<>())
                        .put(row.getAs("bin"), row.getAs("rows")));
        Column[] quantiles = columns.stream()
                .map(column -> Quantiles.of(col(column)).as(column))
                .toArray(Column[]::new);
        Row percentiles = rows.select(quantiles).first();
        Map<String, Distribution> distributions = new LinkedHashMap<>();
        counts.forEach((column, ofColumn) -> distributions.put(
                column, new Distribution(new Histogram(ofColumn), Quantiles.read(percentiles, column))));
        return new Distributions(distributions);
    }

    Distribution get(String column) {
        Distribution distribution = of.get(column);
        if (distribution == null) {
            throw new IllegalArgumentException("no distribution of " + column);
        }
        return distribution;
    }

    /// Returns the facts for `_run.json`: the percentiles and the histogram of each column that has values.
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        of.forEach((column, distribution) -> {
            if (!distribution.isEmpty()) {
                map.put(
                        column,
                        Map.of(
                                "percentiles", distribution.quantiles().toMap(),
                                "histogram", distribution.histogram().toList()));
            }
        });
        return map;
    }
}
