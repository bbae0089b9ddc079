package org.sparkqwen.job.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.cli.report.RunManifest;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.page.RunReport;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.storage.OutputLayout;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// A command whose options make a job, which it runs from an input to an output. A caller that has rows applies the job
/// without a run.
abstract class JobCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    CommandSpec spec;

    @Mixin
    RunOptions run = new RunOptions();

    /// Returns the columns that the job adds to the passed ones.
    ///
    /// @throws RuntimeException with one line for a person, if an option that adds columns has a wrong value
    abstract StructType addedColumns();

    /// Makes the job that the options describe.
    ///
    /// @param columns the columns that pass through; empty for all
    /// @param conf the Spark configuration that says how to reach a remote model
    /// @param models opens a model, or finds it where it is open
    /// @param warnings receives what a person should know of the job, a line each
    /// @throws RuntimeException with one line for a person, if the options and the model do not fit
    abstract Work work(
            List<String> columns,
            SparkConf conf,
            Function<ModelChoice, ModelReference> models,
            Consumer<String> warnings);

    /// Writes what a finished run did beside its output, and shows it.
    ///
    /// @param model the model of the job; null if it has none
    final void conclude(JobRun job, JobRun.Written written, @Nullable ModelReference model, JobSummary summary) {
        Map<String, Object> facts = new LinkedHashMap<>(summary.facts());
        facts.putAll(written.badData().toMap());
        String manifest = RunManifest.of(spec.name(), new OptionValues(spec).shown(), written, model, facts);
        String manifestPath = job.writeBeside(OutputLayout.MANIFEST, manifest);

        Report report = new Report(System.out);
        report.title(summary.title());
        report.lines(summary.lines());
        report.badData(written.badData());
        report.written(job.output(), run.outputFormat, manifestPath);
        JobSummary.Page page = summary.page();
        if (page != null) {
            String drawn = written.output().read(rows -> RunReport.of(job.output(), manifest, rows, page.by()));
            report.page(job.writeBeside(OutputLayout.REPORT, drawn));
        }
        for (JobSummary.Table table : summary.tables()) {
            report.title(table.title());
            report.lines(table.lines());
        }
    }
}
