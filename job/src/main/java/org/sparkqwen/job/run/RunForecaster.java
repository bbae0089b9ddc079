package org.sparkqwen.job.run;

import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.input.Balance;
import org.sparkqwen.job.input.InputSample;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.UnreadableFiles;
import org.sparkqwen.job.progress.SpeedProbe;
import org.sparkqwen.job.spark.RowNumber;

/// Makes the forecast of a run that has been checked. It samples rows, counts their tokens, and lets tasks process them
/// for a short time. Rows that cost less together are sampled together, so that they have the speed that they have in a
/// run.
final class RunForecaster {
    /// About how many rows are sampled. Their mean length is then known to some percent.
    private static final int SAMPLED = 4000;

    private final SparkSession spark;
    private final CheckedRun run;
    private final Work work;

    RunForecaster(SparkSession spark, CheckedRun run, Work work) {
        this.spark = spark;
        this.run = run;
        this.work = work;
    }

    /// Makes the forecast, and writes nothing.
    ///
    /// @param identity what makes a run the same
    /// @throws org.sparkqwen.job.failure.Refusal if the run would be refused
    RunForecast forecast(RunIdentity identity) {
        RunState state = run.state();
        boolean replaces = run.settings().mode() == RunSettings.Mode.OVERWRITE && state.exists();
        long done = replaces || !state.exists() ? 0 : done(identity);
        InputScan files = run.files();
        InputSample input = files == null ? ofTable() : ofFiles(files);
        List<String> columns = List.of(RowProblem.without(run.wanted().schema()).fieldNames());
        work.prepare(spark);
        SampledSizes sizes = SampledSizes.of(work.sizes(input.drawn()));
        return new RunForecast(
                input.files(),
                input.bytes(),
                input.rows(),
                input.judgedBy(),
                input.unreadable(),
                columns,
                done,
                replaces,
                sizes,
                done >= input.rows() ? null : speed(input.drawn(), sizes.rows()),
                cores());
    }

    private long done(RunIdentity identity) {
        CheckedRun.refuseOtherRun(run.settings(), run.state().run(), run.asRun(identity));
        List<Commit> commits = run.state().commits();
        return commits.isEmpty() ? 0 : commits.getLast().to();
    }

    private InputSample ofFiles(InputScan files) {
        InputSample sample =
                InputSample.of(files, run.settings().input(), run.settings().limit(), SAMPLED, together());
        boolean none = sample.rows() == 0;
        if (!sample.unreadable().isEmpty() && (none || !run.settings().drops())) {
            throw sample.unreadable().refusal();
        }
        return sample;
    }

    /// Counts the rows of a table or a query, which computes it, and samples them.
    private InputSample ofTable() {
        Dataset<Row> rows = run.limited();
        long count = rows.count();
        Dataset<Row> drawn = InputSample.draw(rows, count, SAMPLED, together());
        return new InputSample(0, 0, count, 0, UnreadableFiles.NONE, drawn);
    }

    private @Nullable Column together() {
        return work.together(run.input()).orElse(null);
    }

    /// Lets tasks process the sampled rows, spread over all cores as in a run.
    private SpeedProbe.@Nullable Speed speed(Dataset<Row> drawn, long rows) {
        if (rows == 0) {
            return null;
        }
        Dataset<Row> spread = RowNumber.isIn(drawn.schema())
                ? Balance.spread(
                        drawn, rows, new Balance.Measure(work.estimatedTokens(run.input()), together()), cores())
                : drawn.repartition(cores());
        return SpeedProbe.measure(
                spark,
                run.counters(),
                () -> work.apply(spread, run.counters())
                        .write()
                        .format("noop") // it computes every column, and writes none
                        .mode("overwrite")
                        .save());
    }

    private int cores() {
        return spark.sparkContext().defaultParallelism();
    }
}
