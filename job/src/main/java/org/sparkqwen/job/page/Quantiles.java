package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.percentile_approx;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;

/// The percentiles of a quantity over rows. Each is a value that some row has.
///
/// @param values the values at [#PERCENTS]; empty if no row has the quantity
public record Quantiles(List<Double> values) {
    static final List<Integer> PERCENTS = List.of(1, 5, 10, 25, 50, 75, 90, 95, 99);

    /// The ranks may be off by this part of the rows at most.
    private static final int ACCURACY = 10_000;

    public Quantiles {
        values = List.copyOf(values);
    }

    static Column of(Column value) {
        return percentile_approx(
                value.cast("double"),
                array(PERCENTS.stream().map(percent -> lit(percent / 100.0)).toArray(Column[]::new)),
                lit(ACCURACY));
    }

    static Quantiles read(Row row, String column) {
        int index = row.fieldIndex(column);
        return new Quantiles(row.isNullAt(index) ? List.of() : row.<Double>getList(index));
    }

    boolean isEmpty() {
        return values.isEmpty();
    }

    double at(int percent) {
        return values.get(PERCENTS.indexOf(percent));
    }

    /// Returns the percentiles for `_run.json`: `p1` to `p99`.
    Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < values.size(); i++) {
            map.put("p" + PERCENTS.get(i), values.get(i));
        }
        return map;
    }

    /// Returns the names of the percentiles, such as `5 %`.
    static Stream<String> names() {
        return PERCENTS.stream().map(percent -> percent + " %");
    }
}
