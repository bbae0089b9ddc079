package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.floor;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.log2;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.apache.spark.sql.Column;

/// Counts of rows by a positive quantity, in bins that are equally wide on a logarithmic scale.
///
/// Bin `i` holds the values from 2^(i/4) up to 2^((i+1)/4), so two histograms of one quantity have the same bins,
/// whatever their rows. Rows without a value, or with one that is not positive and finite, are in no bin.
///
/// @param counts the rows of each bin that has any, by the bin's number
public record Histogram(NavigableMap<Integer, Long> counts) {
    private static final int BINS_PER_OCTAVE = 4;

    public Histogram {
        counts = Collections.unmodifiableNavigableMap(new TreeMap<>(counts));
    }

    /// Returns the number of the bin of a column's value; null for a value that is in no bin.
    static Column bin(Column value) {
        Column number = value.cast("double");
        return when(
                number.gt(0).and(number.lt(Double.POSITIVE_INFINITY)),
                floor(log2(number).multiply(lit(BINS_PER_OCTAVE))).cast("int"));
    }

    /// Returns the least value of a bin.
    static double from(int bin) {
        return Math.pow(2, (double) bin / BINS_PER_OCTAVE);
    }

    /// Returns how many rows are in some bin.
    long rows() {
        return counts.values().stream().mapToLong(Long::longValue).sum();
    }

    boolean isEmpty() {
        return counts.isEmpty();
    }

    /// Returns the bins for `_run.json`, from the lowest to the highest, without empty ones: `from`, `to`, `rows`.
    List<Map<String, Object>> toList() {
        List<Map<String, Object>> bins = new ArrayList<>();
        counts.forEach((bin, rows) -> {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("from", from(bin));
            map.put("to", from(bin + 1));
            map.put("rows", rows);
            bins.add(map);
        });
        return bins;
    }
}
