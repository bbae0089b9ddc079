package org.sparkqwen.job.buckets;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.GroupColumn;
import org.sparkqwen.job.columns.TaskCounts;

/// Work on an input with one more column, the key of each row's group.
///
/// @param work passes that column through
/// @param by the column with the groups, which need not pass through
record GroupedWork(Work work, GroupColumn by) implements Work {
    @Override
    public String name() {
        return work.name();
    }

    @Override
    public Map<String, String> identity() {
        return work.identity();
    }

    @Override
    public StructType addedColumns() {
        return work.addedColumns();
    }

    @Override
    public Column estimatedTokens(StructType input) {
        return work.estimatedTokens(input);
    }

    @Override
    public Optional<Column> together(StructType input) {
        return work.together(input);
    }

    @Override
    public void prepare(SparkSession spark) {
        work.prepare(spark);
    }

    @Override
    public Dataset<Row> sizes(Dataset<Row> input) {
        return work.sizes(input);
    }

    @Override
    public Dataset<Row> apply(Dataset<Row> input, TaskCounts counts) {
        by.checkIn(input.schema(), Buckets.BY);
        return work.apply(input.withColumn(Buckets.KEY, by.key(input.schema())), counts);
    }

    @Override
    public void release() {
        work.release();
    }
}
