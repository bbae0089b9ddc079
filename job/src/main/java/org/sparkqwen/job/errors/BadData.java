package org.sparkqwen.job.errors;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.regexp_replace;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.input.UnreadableFiles;

/// What was wrong with the input of a finished run, for its summary.
///
/// @param rows how many rows have errors
/// @param commonest the most frequent kinds of errors
/// @param aside the directory of those rows; null if they are in the output
/// @param leftOut the input files of which no row was processed
public record BadData(
        long rows, List<Common> commonest, @Nullable String aside, UnreadableFiles leftOut) {
    private static final int SHOWN = 5;

    /// The most files that the manifest names. The quarantine's own list has all of them.
    private static final int MOST_FILES = 200;

    /// A kind of error, with an example.
    ///
    /// @param error an error of this kind
    public record Common(String error, long rows, Origin example) {
        @Override
        public String toString() {
            return "%,d × %s%s".formatted(rows, error, example.isKnown() ? ", such as " + example : "");
        }
    }

    /// Returns the finding that no row has an error.
    public static BadData noRows(UnreadableFiles leftOut) {
        return new BadData(0, List.of(), null, leftOut);
    }

    /// Counts errors in the data itself, and takes examples from what tasks have found.
    ///
    /// @param data the data with the rejected rows
    /// @param kinds the kinds of errors that tasks have found
    /// @param origins finds the file of a row
    /// @param leftOut the input files that cannot be read
    /// @param aside the directory of the rejected rows; null if they are in the output
    public static BadData of(
            Dataset<Row> data,
            Collection<ErrorKind> kinds,
            LongFunction<Origin> origins,
            UnreadableFiles leftOut,
            @Nullable String aside) {
        Map<String, ErrorKind> found = ErrorKind.together(kinds);
        Dataset<Row> bad = data.filter(col("error").isNotNull());
        long rows = bad.count();
        List<Common> commonest = new ArrayList<>();
        for (Row row : bad.groupBy(regexp_replace(col("error"), lit(ErrorKind.NUMBERS), lit("#")))
                .agg(count(lit(1)).as("rows"), min("error").as("error"))
                .sort(col("rows").desc(), col("error"))
                .limit(SHOWN)
                .collectAsList()) {
            long ofKind = row.<Long>getAs("rows");
            String error = row.<String>getAs("error");
            ErrorKind kind = found.get(ErrorKind.key(error));
            commonest.add(
                    kind == null
                            ? new Common(error, ofKind, Origin.UNKNOWN)
                            : new Common(kind.reason(), ofKind, origins.apply(kind.example())));
        }
        return new BadData(rows, commonest, aside, leftOut);
    }

    /// Returns the facts for `_run.json`.
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        if (aside != null) {
            map.put("dropped_rows", rows);
        }
        List<Map<String, Object>> kinds = new ArrayList<>();
        for (Common common : commonest) {
            Map<String, Object> kind = new LinkedHashMap<>();
            kind.put("error", common.error());
            kind.put("rows", common.rows());
            if (common.example().isKnown()) {
                kind.put("example_file", common.example().file());
                kind.put("example_row", common.example().row());
            }
            kinds.add(kind);
        }
        map.put("commonest_errors", kinds);
        if (!leftOut.isEmpty()) {
            List<Map<String, String>> files = leftOut.toList();
            map.put("left_out_files", files.subList(0, Math.min(MOST_FILES, files.size())));
            if (files.size() > MOST_FILES) {
                map.put("left_out_files_in_all", files.size());
            }
        }
        return map;
    }
}
