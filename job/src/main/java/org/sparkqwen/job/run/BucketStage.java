package org.sparkqwen.job.run;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.buckets.Thresholds;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.Balance;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.Piece;
import org.sparkqwen.job.input.Split;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.progress.Pace;
import org.sparkqwen.job.spark.FileFormats;
import org.sparkqwen.job.storage.OutputLayout;

/// The second stage of a run with buckets, which needs all rows of the first.
///
/// The first stage scores rows into a directory of the output that readers skip. The second computes the thresholds
/// of the buckets from them, once, and copies the rows with their buckets to the output. It works in intervals of its
/// own, and its state lies in that of the run. So a run that is killed goes on in the stage in which it was, and each
/// row is in the output once. The scored rows are deleted when all are in the output. See
/// docs/decisions/0030-buckets.md.
final class BucketStage implements Intake {
    private static final String FORMAT = "parquet";

    private final SparkSession spark;
    private final RunSettings settings;
    private final RunState first;
    private final RunState state;
    private final Buckets buckets;
    private final boolean wasDone;

    /// What the second stage did, over all starts.
    ///
    /// @param time the time of the thresholds and of all intervals together
    /// @param wasComplete whether earlier starts had done everything
    /// @param restarts how many starts of a driver after the first had something to do in this stage
    record Outcome(Thresholds thresholds, Duration time, boolean wasComplete, int restarts) {}

    /// @param settings the settings of the whole run
    /// @param first the state of the run
    BucketStage(SparkSession spark, RunSettings settings, RunState first, Buckets buckets) {
        this.spark = spark;
        this.settings = settings;
        this.first = first;
        this.buckets = buckets;
        state = first.ofBuckets();
        wasDone = state.exists() && state.isDone(null);
    }

    /// Refuses columns that the scored rows would not give back as they were.
    static void refuseWhatItCannotHold(SparkSession spark, StructType scored) {
        new OutputFormat(spark, FORMAT).firstNotHeld(scored).ifPresent(field -> {
            throw Refusal.usage(
                    ("--buckets keeps scored rows as Parquet for a while, which cannot hold column '%s', %s;"
                                    + " leave it out with --columns")
                            .formatted(
                                    Quote.of(field.name()),
                                    Quote.of(field.dataType().simpleString())));
        });
    }

    /// Returns the settings with which the first stage writes.
    RunSettings scoring() {
        Map<String, String> options =
                settings.target().format().equals(FORMAT) ? settings.target().options() : Map.of();
        return settings.withOutputFormat(FORMAT, options);
    }

    private RunSettings dividing() {
        InputFormat input = new InputFormat(List.of(scoredRows()), FORMAT, Map.of(), false);
        ErrorPolicy errors = new ErrorPolicy(ErrorPolicy.OnError.KEEP, null);
        return new RunSettings(
                input,
                settings.target(),
                settings.mode(),
                errors,
                null,
                settings.intervals(),
                settings.conf(),
                settings.allowOtherDevice());
    }

    private String scoredRows() {
        return settings.output() + "/" + OutputLayout.SCORED_ROWS;
    }

    /// Returns the files that the first stage writes.
    ///
    /// @param quarantined the columns of dropped rows; null if rows with errors stay in the output
    OutputFiles scored(@Nullable StructType quarantined) {
        return OutputFiles.within(OutputLayout.SCORED_ROWS, scoring(), settings, first, quarantined, wasDone);
    }

    /// Refuses groups that are too many or too long, before days of work.
    @Override
    public void check(InputScan scan, List<Piece> pieces) {
        try {
            buckets.refuseUnsuitableGroups(scan, pieces);
        } catch (Refusal e) {
            throw e;
        } catch (Exception | FSError e) { // Spark throws checked exceptions that it does not declare
            throw Refusal.failure(
                    "%s: the groups cannot be counted: %s. Once that is mended, the same command goes on"
                            .formatted(Buckets.BY, Failures.firstLineWithFile(e)),
                    e);
        }
    }

    /// Refuses new input files once there are thresholds, because those would be others with the new rows.
    @Override
    public void check(Set<Split> splits) {
        List<String> files = splits.stream()
                .map(Split::path)
                .filter(path -> !path.isEmpty())
                .distinct()
                .sorted()
                .toList();
        if (!files.isEmpty() && state.exists() && state.thresholds().isPresent()) {
            throw Refusal.usage(
                    ("--output %s has buckets already, and %,d input file%s new, such as %s; the percentiles"
                                    + " of all rows would be others: take another --output, or --mode overwrite")
                            .formatted(
                                    settings.output(),
                                    files.size(),
                                    files.size() == 1 ? " is" : "s are",
                                    Quote.of(Origin.shortened(files.getFirst()))));
        }
    }

    /// Does the work that is not done yet. The caller marks the output as complete.
    ///
    /// @param commits the commits of the first stage, which has done all rows
    /// @param scored the columns of the scored rows
    Outcome run(List<Commit> commits, StructType scored, DriverStart start) {
        OutputFiles files = new OutputFiles(dividing(), state, null);
        if (wasDone) {
            files.discardUnfinished();
            files.discard(files.strays(state.commits()));
            files.refuseChanged(state.commits());
            return outcome(state.thresholds().orElseThrow(), state.commits(), true);
        }
        start.interruption().scored(rows(commits));
        Dataset<Row> rows = spark.read()
                .format(FileFormats.PARQUET_FILES)
                .option("__globPaths__", false)
                .schema(scored)
                .load(scoredRows());
        if (!state.exists()) {
            state.begin(first.run());
        }
        Thresholds thresholds = state.thresholds().orElseGet(() -> computed(rows, rows(commits), start.claim()));
        InputScan scan = new InputScan(rows);
        if (state.plans().isEmpty()) {
            state.add(plan(scan, commits));
        }
        Work work = buckets.dividing(thresholds);
        CheckpointedRun.Outcome outcome = new CheckpointedRun(
                        start,
                        dividing(),
                        state,
                        files,
                        Intake.ALL,
                        new StageInput(scan, "scored rows", new Balance.Measure(functions.lit(1), null)),
                        work,
                        Counters.register(spark),
                        new Pace())
                .run();
        return outcome(thresholds, outcome.commits(), outcome.wasComplete());
    }

    /// Deletes the scored rows, which are all in the output.
    void discardScored() {
        first.discardScored();
    }

    private Outcome outcome(Thresholds thresholds, List<Commit> commits, boolean wasComplete) {
        double seconds = thresholds.seconds()
                + commits.stream().mapToDouble(Commit::seconds).sum();
        return new Outcome(
                thresholds, Duration.ofMillis((long) (1e3 * seconds)), wasComplete, Math.max(0, state.attempts() - 1));
    }

    private static long rows(List<Commit> commits) {
        return commits.getLast().to();
    }

    private Thresholds computed(Dataset<Row> rows, long count, DriverClaim claim) {
        new Console(System.err)
                .printf(
                        "All %,d rows are scored; computing the percentiles of %s%n",
                        count, buckets.figure().column());
        Thresholds thresholds;
        try {
            thresholds = buckets.thresholds(rows);
        } catch (Refusal e) {
            throw e;
        } catch (Exception | FSError e) { // Spark throws checked exceptions that it does not declare
            claim.refuseIfLost();
            throw Refusal.failure(
                    "the percentiles cannot be computed: %s. The scored rows are kept: the same command goes on from there"
                            .formatted(Failures.firstLineWithFile(e)),
                    e);
        }
        claim.refuseIfLost();
        state.add(thresholds);
        return thresholds;
    }

    /// Plans the scored rows in the order of the intervals that wrote them, which is the order of the input. The
    /// names of the files have another order.
    private InputPlan plan(InputScan scan, List<Commit> commits) {
        Map<String, List<Split>> byFile = new HashMap<>();
        for (Split split : scan.splits()) {
            byFile.computeIfAbsent(new Path(split.path()).getName(), _ -> new ArrayList<>())
                    .add(split);
        }
        List<Split> ordered = new ArrayList<>();
        for (Commit commit : commits) {
            commit.files().stream().sorted().forEach(file -> ordered.addAll(byFile.getOrDefault(file, List.of())));
        }
        InputScan.Counted counted = scan.count(ordered, dividing().input());
        if (!counted.unreadable().isEmpty()) {
            throw Refusal.failure(("%s, of the rows that the run has scored; bring back what it was, or begin anew with"
                            + " --mode overwrite")
                    .formatted(counted.unreadable()));
        }
        return InputPlan.of(counted.rows(), scan.files());
    }
}
