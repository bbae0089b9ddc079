package org.sparkqwen.job.cli;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.model.ModelReference;

/// A command whose options make a job. A caller that has rows applies the job without a run.
interface JobCommand {
    /// Returns the columns that the job adds to the passed ones.
    ///
    /// @throws RuntimeException with one line for a person, if an option that adds columns has a wrong value
    StructType addedColumns();

    /// Makes the job that the options describe.
    ///
    /// @param columns the columns that pass through; empty for all
    /// @param conf the Spark configuration that says how to reach a remote model
    /// @param models opens a model, or finds it where it is open
    /// @param warnings receives what a person should know of the job, a line each
    /// @throws RuntimeException with one line for a person, if the options and the model do not fit
    Work work(
            List<String> columns,
            SparkConf conf,
            Function<ModelChoice, ModelReference> models,
            Consumer<String> warnings);
}
