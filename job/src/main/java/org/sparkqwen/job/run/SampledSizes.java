package org.sparkqwen.job.run;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.sum;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
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
        Column tokens = given.plus(generated).cast("double");
        // One pass over the sizes, because each pass counts the tokens of all rows. Groups are rows by their error.
        List<Row> groups = sizes.groupBy("error")
                .agg(
                        count(lit(1)).as("rows"),
                        sum(given).as("given"),
                        sum(generated).as("generated"),
                        max(given).as("longest"),
                        sum(tokens.multiply(tokens)).as("squares"))
                .collectAsList();
        long rows = 0;
        long allGiven = 0;
        long allGenerated = 0;
        long longest = 0;
        double squares = 0;
        Map<String, Long> rejected = new TreeMap<>();
        for (Row group : groups) {
            rows += group.<Long>getAs("rows");
            allGiven += group.<Long>getAs("given");
            allGenerated += group.<Long>getAs("generated");
            longest = Math.max(longest, group.<Long>getAs("longest"));
            squares += group.<Double>getAs("squares");
            String error = group.getAs("error");
            if (error != null) {
                rejected.put(error, group.<Long>getAs("rows"));
            }
        }
        double mean = (double) (allGiven + allGenerated) / Math.max(1, rows);
        double variance = rows < 2 ? 0 : Math.max(0, squares - rows * mean * mean) / (rows - 1);
        return new SampledSizes(
                rows,
                allGiven,
                allGenerated,
                longest,
                Math.sqrt(variance),
                rejected.values().stream().mapToLong(Long::longValue).sum(),
                commonest(rejected));
    }

    /// Returns the most frequent reasons, and of equally frequent ones the first in the alphabet.
    private static Map<String, Long> commonest(Map<String, Long> counts) {
        Map<String, Long> commonest = new LinkedHashMap<>();
        counts.entrySet().stream()
                .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
                .limit(SHOWN_REASONS)
                .forEach(reason -> commonest.put(reason.getKey(), reason.getValue()));
        return commonest;
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
