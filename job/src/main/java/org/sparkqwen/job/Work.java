package org.sparkqwen.job;

import static org.apache.spark.sql.functions.lit;

import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.columns.TaskCounts;

/// A transformation that a run applies to its input, interval by interval. The jobs are such transformations.
///
/// What hosts need is prepared once for a run, however many intervals the run has.
public interface Work {
    /// Returns the name of the work, such as `score`, as a person sees it.
    String name();

    /// Returns what decides the output's rows, as texts by name: the job, its model, and its settings. A run is
    /// resumed by work with the same identity alone.
    Map<String, String> identity();

    /// Returns the columns that the work adds. They come last in the output, behind those of the input that pass
    /// through, and one of them is the string `error`, which is null unless the row was rejected.
    StructType addedColumns();

    /// Estimates the cost of a row in tokens, by which rows are spread over the cluster.
    ///
    /// @param input the columns of the input
    Column estimatedTokens(StructType input);

    /// Returns a key of a row, which is equal for rows that cost less in one task, because they have a prompt in
    /// common. By default there is none, and a row may go to any task.
    ///
    /// @param input the columns of the input
    /// @return a column of type bigint
    default Optional<Column> together(StructType input) {
        return Optional.empty();
    }

    /// Measures each row of an input in tokens, for an estimate of what a run takes. A job counts the tokens of a
    /// row's text, without running the model. It is lazy, and computed after [#prepare]. By default the sizes are
    /// those of [#estimatedTokens].
    ///
    /// @return a row for each row of the input, in any order, with the columns `given` (the tokens of its document,
    ///     or of its prompt for each text), `most_generated` (the most tokens that all its texts may have), and
    ///     `error` (null unless the row will be rejected)
    default Dataset<Row> sizes(Dataset<Row> input) {
        return input.select(
                estimatedTokens(input.schema()).cast("long").as("given"),
                lit(0L).as("most_generated"),
                lit(null).cast("string").as("error"));
    }

    /// Prepares what tasks need, such as the model on their hosts. The first call does it, and later calls do
    /// nothing. A run that has nothing left to do does not call it.
    default void prepare(SparkSession spark) {}

    /// Returns the output rows for the input's rows. It is lazy, like any transformation, and may be called before
    /// [#prepare], but only what it returns afterwards can be computed.
    ///
    /// @param counts counts the rows while tasks process them
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    Dataset<Row> apply(Dataset<Row> input, TaskCounts counts);

    /// Prepares the work and applies it to a whole input, without counting.
    ///
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    default Dataset<Row> run(Dataset<Row> input) {
        prepare(input.sparkSession());
        return apply(input, TaskCounts.NONE);
    }

    /// Releases what [#prepare] made. The work may be prepared again.
    default void release() {}
}
