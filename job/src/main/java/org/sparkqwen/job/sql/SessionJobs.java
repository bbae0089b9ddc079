package org.sparkqwen.job.sql;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.cli.ModelChoice;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.storage.ModelLocation;

/// Keeps the models that queries have opened and the jobs that they have prepared. A model is opened, fingerprinted and
/// distributed when the first query that needs it is executed, and later queries share it.
///
/// All sessions of an application share them, such as those of Spark Connect's clients, because they share the
/// extension.
final class SessionJobs {
    /// The most jobs that are kept, however many options queries vary.
    private static final int MOST_JOBS = 64;

    /// The most models that are kept. The driver may hold the broadcast files of each.
    private static final int MOST_MODELS = 16;

    private final SharedValues<Files, ModelReference> models = new SharedValues<>(MOST_MODELS);
    private final SharedValues<Key, Work> prepared = new SharedValues<>(MOST_JOBS);
    private final Consumer<String> warnings;

    /// The files of a model, as hosts get them. The way in which executors run it does not matter for them.
    ///
    /// @param application the id of the Spark application, because an extension may outlive one
    private record Files(
            String application,
            ModelLocation location,
            @Nullable ModelLocation adapter,
            ModelDistribution distribution,
            @Nullable String cacheDirectory) {}

    /// What decides a job, apart from the files of its model.
    ///
    /// @param files the contents of the files that options name
    private record Key(
            String application,
            JobFunction function,
            Map<String, List<String>> options,
            List<String> columns,
            RunIdentity files) {}

    /// @param warnings receives what a person should know of a job, a line each, when the job is prepared
    SessionJobs(Consumer<String> warnings) {
        this.warnings = warnings;
    }

    /// Returns the job of a call, prepared for tasks. Queries that need the same job or the same model wait while
    /// another query prepares it.
    ///
    /// @param columns the columns that pass through; empty for all
    Work prepared(JobCall call, List<String> columns, SparkSession session) {
        JobOptions options = JobOptions.parse(call.function().job(), call.options());
        Key key = new Key(application(session), call.function(), call.options(), columns, options.files());
        return prepared.get(key, () -> {
            Work work = options.work(
                    columns,
                    session.sparkContext().conf(),
                    choice -> model(choice, session),
                    line -> warnings.accept(SqlNames.inMessage(line)));
            work.prepare(session);
            return work;
        });
    }

    private ModelReference model(ModelChoice given, SparkSession session) {
        SparkConf conf = session.sparkContext().conf();
        ModelChoice choice = given.resolved(conf);
        Files files = new Files(
                application(session),
                choice.location(),
                choice.adapter(),
                choice.distribution(),
                choice.options().cacheDirectory());
        return models.get(files, () -> choice.open(conf).distribute(choice.distribution(), session))
                .withOptions(choice.options(conf));
    }

    private static String application(SparkSession session) {
        return session.sparkContext().applicationId();
    }
}
