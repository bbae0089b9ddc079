package org.sparkqwen.job.page;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Refusal;

/// Makes the report of a run: one static HTML page, whose size does not depend on the run's.
public final class RunReport {
    private RunReport() {}

    /// Makes the report of a finished run.
    ///
    /// @param directory the run's output
    /// @param by a column by whose values the report of `score` compares documents; null for none
    /// @return the page
    /// @throws Refusal if the directory is not the output of a finished run of `score` or `generate`
    public static String of(SparkSession spark, String directory, @Nullable String by) {
        return page(RunOutput.open(spark, directory), by);
    }

    /// Makes the report of a run that has just finished, from what the run has at hand.
    ///
    /// @param directory the run's output
    /// @param manifest the contents of `_run.json`
    /// @param rows the rows of the output
    /// @param by a column by whose values the report of `score` compares documents; null for none
    /// @return the page
    public static String of(String directory, String manifest, Dataset<Row> rows, @Nullable String by) {
        return page(RunOutput.of(directory, manifest, rows), by);
    }

    private static String page(RunOutput run, @Nullable String by) {
        if (run.facts().job().equals("generate")) {
            if (by != null) {
                throw Refusal.usage(
                        "--by is for runs of score, and %s is the output of generate".formatted(run.directory()));
            }
            return GeneratePage.of(run.facts(), run.rows(), run.columns());
        }
        if (by != null) {
            run.refuseWithout("--by", by);
        }
        return ScorePage.of(run.facts(), run.rows(), run.columns(), by);
    }

    /// Makes a report that compares two runs of `score` over one corpus.
    ///
    /// @param first the output of one run
    /// @param second the output of the other run
    /// @param key a column that names each document in both
    /// @return the page
    /// @throws Refusal if a directory is not the output of a finished run of `score`, or they have no document in
    ///     common
    public static String comparing(SparkSession spark, String first, String second, String key) {
        RunOutput one = scored(spark, first);
        RunOutput other = scored(spark, second);
        return ComparisonPage.of(one, other, key);
    }

    private static RunOutput scored(SparkSession spark, String directory) {
        RunOutput run = RunOutput.open(spark, directory);
        if (!run.facts().job().equals("score")) {
            throw Refusal.usage("--compare is for runs of score, and %s is the output of %s"
                    .formatted(directory, run.facts().job()));
        }
        return run;
    }
}
