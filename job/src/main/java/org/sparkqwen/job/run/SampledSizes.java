package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.stddev;
import static org.apache.spark.sql.functions.sum;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/// The sizes of sampled rows in tokens.
///
/// @param rows how many rows were sampled
/// @param given the tokens of their documents or prompts together; a prompt counts for each of its texts
/// @param mostGenerated the most tokens that may be generated for them together
/// @param longest the tokens of the longest document or prompt
/// @param deviation the standard deviation of a row's tokens, given and generated
/// @param rejected how many of these rows would be rejected
/// @param reasons the most frequent reasons for that, with their counts, the most frequent first
public record SampledSizes(
        long rows,
        long given,
        long mostGenerated,
        long longest,
        double deviation,
        long rejected,
        Map<String, Long> reasons) {
    private static final int SHOWN_REASONS = 3;

    /// Sums up sizes.
    ///
    /// @param sizes rows as of `Work.sizes`
    static SampledSizes of(Dataset<Row> sizes) {
        Column given = coalesce(col("given"), lit(0L));
        Column generated = coalesce(col("most_generated"), lit(0L));
        Row sums = sizes.agg(
                        count(lit(1)).as("rows"),
                        coalesce(sum(given), lit(0L)).as("given"),
                        coalesce(sum(generated), lit(0L)).as("generated"),
                        coalesce(max(given), lit(0L)).as("longest"),
                        coalesce(stddev(given.plus(generated)), lit(0.0)).as("deviation"),
                        count(col("error")).as("rejected"))
                .first();
        Map<String, Long> reasons = new LinkedHashMap<>();
        if (sums.<Long>getAs("rejected") > 0) {
            sizes.where(col("error").isNotNull())
                    .groupBy("error")
                    .count()
                    .orderBy(col("count").desc(), col("error"))
                    .limit(SHOWN_REASONS)
                    .collectAsList()
                    .forEach(row -> reasons.put(row.getAs("error"), row.getAs("count")));
        }
        return new SampledSizes(
                sums.<Long>getAs("rows"),
                sums.<Long>getAs("given"),
                sums.<Long>getAs("generated"),
                sums.<Long>getAs("longest"),
                sums.<Double>getAs("deviation"),
                sums.<Long>getAs("rejected"),
                reasons);
    }

    /// Returns the tokens of a document or of a row's prompts, on average over all rows.
    public double meanGiven() {
        return given / (double) Math.max(1, rows);
    }

    /// Returns the most tokens that may be generated for a row, on average over all rows.
    public double meanMostGenerated() {
        return mostGenerated / (double) Math.max(1, rows);
    }

    /// Returns the standard error of the mean as a share of the mean.
    public double relativeError() {
        double mean = meanGiven() + meanMostGenerated();
        return rows < 2 || mean == 0 ? 0 : deviation / Math.sqrt((double) rows) / mean;
    }
}
