package org.sparkqwen.job.buckets;

import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.JobRow;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.spark.Iterators;

/// Adds the column `bucket` to scored rows.
///
/// @param buckets says which columns have the figure and the key of the group
/// @param thresholds the thresholds of all groups
record BucketWork(Buckets buckets, Thresholds thresholds) implements Work {
    @Override
    public String name() {
        return "buckets";
    }

    @Override
    public Map<String, String> identity() {
        return Map.of(
                "job",
                name(),
                "buckets",
                buckets.percentiles().toString(),
                "buckets-of",
                buckets.figure().column());
    }

    /// The column `error` is among those that pass.
    @Override
    public StructType addedColumns() {
        return Buckets.SCHEMA;
    }

    @Override
    public Column estimatedTokens(StructType input) {
        return functions.lit(1);
    }

    @Override
    public Dataset<Row> apply(Dataset<Row> input, TaskCounts counts) {
        List<Column> read =
                List.of(buckets.key(), functions.col(buckets.figure().column()));
        return Buckets.passed(input.schema())
                .transform(input, read, Buckets.SCHEMA, new Dividing(new HashMap<>(thresholds.byKey()), counts));
    }

    /// The function that executors run on each partition.
    private record Dividing(HashMap<@Nullable String, Thresholds.Group> groups, TaskCounts counts)
            implements JobRow.Partition {
        @Override
        public Iterator<JobRow.Made> call(Iterator<JobRow> rows) {
            return Iterators.map(rows, row -> {
                counts.count(0, false, true);
                return new JobRow.Made(row, new @Nullable Object[] {label(row.read())});
            });
        }

        private @Nullable String label(Row read) {
            Thresholds.Group group = groups.get(read.isNullAt(0) ? null : read.getString(0));
            if (group == null) {
                throw new IllegalStateException("a row of a group that had no rows when they were counted");
            }
            Bucket bucket = group.bucket(read.isNullAt(1) ? null : read.getDouble(1));
            return bucket == null ? null : bucket.label();
        }
    }
}
