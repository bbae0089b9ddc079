package org.sparkqwen.job.cli;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.ModelJob;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.cli.report.JobSummary;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.CommandSession;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.RunForecast;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.run.SampledSizes;
import picocli.CommandLine.Mixin;

/// A command of a job that runs a model: the course of all such commands, from their options to the summary.
///
/// @param <P> what a command plans to do, once it knows its options and the model
abstract class ModelCommand<P> extends JobCommand {
    @Mixin
    ModelOptions model = new ModelOptions();

    /// Checks the options and says what they mean for a model.
    ///
    /// @param columns the columns that pass through; empty for all
    /// @param models opens a model, or finds it where it is open
    /// @throws RuntimeException with one line for a person, if the options and the model do not fit
    abstract P plan(ModelReference reference, List<String> columns, Function<ModelChoice, ModelReference> models);

    /// Makes the job.
    ///
    /// @throws RuntimeException with one line for a person, if the plan and the model do not fit
    abstract ModelJob<?, ?> job(ModelReference reference, P plan);

    /// Returns lines that say how a dry run found the model to fit into memory.
    ///
    /// @param sizes those of sampled rows
    /// @param conf the configuration with which executors would start
    abstract List<String> memory(ModelReference reference, P plan, SampledSizes sizes, SparkConf conf);

    /// Says what a finished run did.
    abstract JobSummary summary(JobRun.Written written, ModelReference reference, P plan);

    /// Returns what a person should know of the plan, besides what there is to know of the model.
    List<String> warnings(P plan) {
        return List.of();
    }

    /// Returns the identity of a run with this plan.
    ///
    /// @param options the identity that the options and the model make
    RunIdentity identity(RunIdentity options, P plan) {
        return options;
    }

    /// Returns the buckets into which the rows are divided; null for none.
    @Nullable
    Buckets buckets(P plan) {
        return null;
    }

    /// Looks at the output's columns before anything is written.
    ///
    /// @throws RuntimeException with one line for a person, if they do not suit
    void checkOutput(StructType columns) {}

    @Override
    public final Integer call() {
        RunSettings runSettings = run.settings(model.allowOtherDevice);
        SparkConf conf = CommandSession.effective(runSettings);
        ModelReference reference = model.choice().open(conf);
        model.complete(reference.options());
        P plan = plan(
                reference, run.columns, choice -> choice.on(reference.device()).open(conf));
        ModelJob<?, ?> planned = job(reference, plan);
        Buckets buckets = buckets(plan);
        try (JobRun job = JobRun.start(spec.name(), runSettings)) {
            job.warnings().addAll(reference.warnings());
            job.warnings().addAll(warnings(plan));
            job.checkOutput(this::checkOutput);
            RunIdentity options = new OptionValues(spec).identity(reference.identity());
            RunIdentity identity = identity(options.on(reference.device()), plan);
            Work work = planned.withDistribution(model.distribution());
            if (buckets != null) {
                work = buckets.grouping(work);
            }
            if (run.dryRun) {
                RunForecast forecast = job.forecast(identity, work, buckets);
                List<String> memory = memory(reference, plan, forecast.sample(), run.submitted());
                run.show(forecast, spec.name(), job.output(), memory);
                return 0;
            }
            JobRun.Written written = job.run(identity, work, buckets);
            conclude(job, written, reference, summary(written, reference, plan));
        }
        return 0;
    }

    @Override
    final Work work(
            List<String> columns,
            SparkConf conf,
            Function<ModelChoice, ModelReference> models,
            Consumer<String> warnings) {
        ModelReference reference = models.apply(model.choice());
        P plan = plan(reference, columns, choice -> models.apply(choice.on(reference.device())));
        reference.warnings().forEach(warnings);
        warnings(plan).forEach(warnings);
        return job(reference, plan);
    }
}
