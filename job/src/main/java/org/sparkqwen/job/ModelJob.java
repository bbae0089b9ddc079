package org.sparkqwen.job;

import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.job.columns.TaskCounts;
import org.sparkqwen.job.executor.PartitionEngine;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;

/// A job that runs a model. The model is checked on the driver, hosts get it before the first interval, and tasks make
/// requests of their rows.
///
/// @param <S> the type of the job's settings
/// @param <R> the type of its results
public abstract sealed class ModelJob<S extends Record, R> implements Work
        permits ScoreJob, GenerateJob, ClassifyJob, EmbedJob {
    final ModelReference model;
    final S settings;
    final List<OutputColumn<R>> columns;
    final ModelDistribution distribution;

    private final String name;
    private final List<String> passed;
    private final TaskModel tasks;

    /// @param passed the names of the columns that pass through; empty for all
    /// @param columns the columns that the job adds
    ModelJob(
            String name,
            ModelReference model,
            S settings,
            List<String> passed,
            List<OutputColumn<R>> columns,
            ModelDistribution distribution) {
        this.name = name;
        this.model = model;
        this.settings = settings;
        this.passed = passed;
        this.columns = columns;
        this.distribution = distribution;
        tasks = new TaskModel(model, distribution);
    }

    /// The function that executors run on each partition: requests are made of rows, and outcomes of requests.
    ///
    /// @param <Q> the type of the requests
    interface Task<Q extends Request, R> extends JobSkeleton.Outcomes<R> {
        /// @param row the columns of [#read]
        PartitionEngine.RequestFactory<Q> request(Row row);
    }

    /// Returns the columns that the job reads, which it looks for in the input.
    ///
    /// @throws RuntimeException naming the column, if the input lacks one or has one of a wrong type
    abstract List<Column> read(StructType input);

    /// Returns what tasks do with their rows.
    ///
    /// @param onHosts the model as tasks find it
    abstract Task<?, R> task(ModelReference onHosts, TaskCounts counts);

    /// Returns how many requests a row has, all of the same size.
    int samples() {
        return 1;
    }

    /// Returns this job with another way in which hosts get the model, once it is prepared.
    public abstract ModelJob<S, R> withDistribution(ModelDistribution value);

    @Override
    public final String name() {
        return name;
    }

    @Override
    public Map<String, String> identity() {
        Map<String, String> identity = JobIdentity.of(name, model.identity(), settings);
        if (model.device().isGpu()) {
            identity.put("device", model.device().kind().toString());
        }
        return identity;
    }

    @Override
    public StructType addedColumns() {
        return OutputColumn.schema(columns);
    }

    @Override
    public void prepare(SparkSession spark) {
        tasks.distribute(spark);
    }

    /// Returns the model as tasks find it, once it is prepared.
    final ModelReference onHosts() {
        return tasks.get();
    }

    @Override
    public Dataset<Row> apply(Dataset<Row> input, TaskCounts counts) {
        return new JobSkeleton<>(columns, passed).apply(input, read(input.schema()), task(onHosts(), counts));
    }

    @Override
    public final Dataset<Row> sizes(Dataset<Row> input) {
        ModelReference onHosts = onHosts();
        Task<?, R> task = task(onHosts, TaskCounts.NONE);
        int samples = samples();
        return RowSizes.skeleton()
                .applyAlone(
                        input,
                        read(input.schema()),
                        rows -> PartitionEngine.sizes(onHosts, rows, samples, task::request));
    }
}
