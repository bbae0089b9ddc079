package org.sparkqwen.job.run;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.buckets.Thresholds;
import org.sparkqwen.job.errors.BadData;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.input.Balance;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.progress.Pace;
import org.sparkqwen.job.storage.OutputLayout;
import org.sparkqwen.job.storage.S3Settings;
import org.sparkqwen.job.storage.TextFile;

/// The course of every job: check, read, process while a person can watch, write, and check what was written.
public final class JobRun implements AutoCloseable {
    private final RunSettings settings;
    private final Optional<OutputTable> table;
    private final SparkSession spark;
    private final @Nullable CommandSession session;
    private final Warnings warnings = new Warnings(System.err);
    private final Interruption interruption;
    private Consumer<StructType> check = schema -> {};
    private @Nullable DriverClaim claim;

    /// @param session what ends with the run; null if a program called it with a session of its own
    private JobRun(String name, RunSettings settings, SparkSession spark, @Nullable CommandSession session) {
        this.table = OutputTable.of(spark, settings);
        this.settings = table.map(OutputTable::settings).orElse(settings);
        this.spark = spark;
        this.session = session;
        interruption = Interruption.watch(name, this::interrupted);
    }

    /// What a finished run wrote, over all its restarts.
    ///
    /// @param summary what was done
    /// @param buckets the thresholds of the buckets; null if the run has none
    /// @param output the rows of the output
    /// @param started when the run first started
    /// @param elapsed the time of the run's intervals together
    /// @param counters the counts of its tasks
    /// @param pace the pace of this start's work
    /// @param badData what was wrong with the input
    /// @param rates the rates of the run's parts, from its beginning to its end
    /// @param restarts how many starts of a driver after the first had work to do
    public record Written(
            RunSummary summary,
            @Nullable Thresholds buckets,
            WrittenRows output,
            String started,
            Duration elapsed,
            Counters counters,
            Pace pace,
            BadData badData,
            List<WorkRate> rates,
            int intervals,
            int restarts) {
        public List<String> warnings() {
            return summary.warnings();
        }

        public double seconds() {
            return Math.max(1, elapsed.toMillis()) / 1e3;
        }
    }

    /// Starts a command's run, in a session of its own or in the one that this JVM has.
    ///
    /// @throws Refusal if a path has credentials, or Spark cannot write
    public static JobRun start(String name, RunSettings settings) {
        refuseCredentials(settings);
        CommandSession session = CommandSession.start(name, settings);
        try {
            return new JobRun(name, settings, session.spark(), session);
        } catch (Exception | LinkageError e) { // Spark throws checked exceptions that it does not declare
            session.close();
            throw e;
        }
    }

    /// Works in a session that stays open.
    ///
    /// @throws Refusal if a path has credentials
    static JobRun in(SparkSession spark, String name, RunSettings settings) {
        refuseCredentials(settings);
        return new JobRun(name, settings, spark, null);
    }

    private static void refuseCredentials(RunSettings settings) {
        settings.input().paths().forEach(input -> S3Settings.refuseCredentials("--input", input));
        S3Settings.refuseCredentials("--output", settings.output());
    }

    /// Returns where the output is, for a person: its directory, or its table and directory.
    public String output() {
        return settings.target().table() == null
                ? settings.output()
                : "table %s in %s".formatted(settings.target().table(), settings.output());
    }

    /// Returns the warnings about this run, to which callers may add.
    public Warnings warnings() {
        return warnings;
    }

    /// Looks at the output's columns before anything is written. `check` throws a [Refusal] if they do not suit.
    public void checkOutput(Consumer<StructType> check) {
        this.check = check;
    }

    /// Runs a job from input to output, or the part that an earlier start of the same run has left to do.
    ///
    /// @param identity what makes a run the same
    /// @param work makes the output from the input, and is prepared before the first interval
    public Written run(RunIdentity identity, Work work) {
        return run(identity, work, null);
    }

    /// Runs a job from input to output, and divides the rows into buckets, if wanted, once all of them are done.
    ///
    /// @param identity what makes a run the same
    /// @param work makes the rows from the input, and is prepared before the first interval
    /// @param buckets the buckets, for work that passes their columns; null for none
    public Written run(RunIdentity identity, Work work, @Nullable Buckets buckets) {
        try {
            return written(identity, work, buckets);
        } finally {
            work.release();
        }
    }

    private Written written(RunIdentity identity, Work work, @Nullable Buckets buckets) {
        CheckedRun checked = checked(work, buckets);
        RunState state = checked.state();
        DriverClaim taken = DriverClaim.of(
                state, settings.output(), System.err, () -> spark.sparkContext().cancelAllJobs());
        claim = taken;
        DriverStart start = new DriverStart(spark, taken, warnings, interruption);
        CheckedRun.refuseForeign(settings, state); // checks again, because another driver may have written until then
        begin(state, checked.asRun(identity));
        table.ifPresent(written -> written.create(checked.output()));
        InputSnapshot snapshot = new InputSnapshot(spark, settings, state, taken);
        StageInput input = input(checked, snapshot, work);
        Pace pace = new Pace();

        BucketStage second = buckets == null ? null : new BucketStage(spark, settings, state, buckets);
        CheckpointedRun.Outcome outcome = new CheckpointedRun(
                        start,
                        second == null ? settings : second.scoring(),
                        state,
                        second == null
                                ? new OutputFiles(settings, state, checked.quarantined())
                                : second.scored(checked.quarantined()),
                        second == null ? Intake.ALL : second,
                        input,
                        work,
                        checked.counters(),
                        pace)
                .run();
        BucketStage.Outcome divided = null;
        if (second != null) {
            work.release(); // the second stage needs no model
            divided = second.run(outcome.commits(), checked.made(), start);
        }
        state.markWhole();
        if (second != null) {
            second.discardScored();
        }
        if (checked.files() == null) {
            snapshot.discard();
        }
        table.flatMap(written -> written.show(checked.output())).ifPresent(warnings::add);
        warnings.addAll(checked.counters().notes().warnings());
        return summed(checked, outcome, divided, pace);
    }

    /// Returns the rows of the input, which are copied first if they do not lie in files.
    private StageInput input(CheckedRun checked, InputSnapshot snapshot, Work work) {
        InputScan files = checked.files();
        Balance.Measure measure = new Balance.Measure(
                work.estimatedTokens(checked.input()),
                work.together(checked.input()).orElse(null));
        return files == null
                ? new StageInput(
                        new InputScan(snapshot.of(checked.limited())),
                        settings.input().origin(),
                        measure)
                : new StageInput(files, null, measure);
    }

    /// Adds up what both stages did.
    ///
    /// @param divided the second stage; null if the run has none
    private Written summed(
            CheckedRun checked, CheckpointedRun.Outcome outcome, BucketStage.@Nullable Outcome divided, Pace pace) {
        RunState state = checked.state();
        WrittenRows written = rows(settings.output(), checked.output());
        boolean wasComplete = divided == null ? outcome.wasComplete() : divided.wasComplete();
        return new Written(
                RunSummary.of(outcome.commits(), wasComplete, warnings.lines()),
                divided == null ? null : divided.thresholds(),
                written,
                state.run().started(),
                divided == null ? outcome.time() : outcome.time().plus(divided.time()),
                checked.counters(),
                pace,
                badData(outcome, written, checked.quarantined()),
                WorkRate.of(outcome.commits()),
                outcome.commits().size(),
                Math.max(0, state.attempts() - 1) + (divided == null ? 0 : divided.restarts()));
    }

    /// Says what [#run] would do, from samples of the rows, and writes nothing.
    ///
    /// @param identity what makes a run the same
    /// @param work makes the output from the input, and is prepared
    /// @param buckets the buckets, for work that passes their columns; null for none
    /// @throws Refusal if the run would be refused
    public RunForecast forecast(RunIdentity identity, Work work, @Nullable Buckets buckets) {
        try {
            return new RunForecaster(spark, checked(work, buckets), work).forecast(identity);
        } finally {
            work.release();
        }
    }

    private CheckedRun checked(Work work, @Nullable Buckets buckets) {
        refuseTableElsewhere();
        CheckedRun checked = CheckedRun.of(spark, settings, table, work, buckets, check, warnings);
        if (session != null && session.isOwn()) {
            table.flatMap(OutputTable::caution).ifPresent(warnings::add);
        }
        return checked;
    }

    private BadData badData(CheckpointedRun.Outcome outcome, WrittenRows written, @Nullable StructType quarantined) {
        if (outcome.errorKinds().isEmpty()) {
            return BadData.noRows(outcome.leftOut());
        }
        String aside = quarantined == null ? null : settings.output() + "/" + OutputLayout.ERRORS;
        WrittenRows rejected = aside == null || quarantined == null ? written : rows(aside, quarantined);
        return rejected.read(
                rows -> BadData.of(rows, outcome.errorKinds(), outcome.origins(), outcome.leftOut(), aside));
    }

    private WrittenRows rows(String place, StructType columns) {
        Map<String, String> options =
                OutputFormat.readerOptions(settings.target().options());
        return new WrittenRows(spark, place, settings.target().format(), options, columns);
    }

    /// Begins a run, or finds that the output holds this same run.
    private void begin(RunState state, RunState.Run run) {
        if (settings.mode() == RunSettings.Mode.OVERWRITE) {
            state.erase();
        }
        if (state.exists()) {
            CheckedRun.refuseOtherRun(settings, state.run(), run);
        } else if (state.data().visible().isEmpty()) {
            state.begin(run);
        } else {
            throw Refusal.usage("--output %s has lost its _spark_qwen/run.json, or it was being deleted; %s"
                    .formatted(settings.output(), CheckedRun.INSTEAD));
        }
    }

    /// Refuses a table on S3 for which the session was not prepared, because only its catalog knows where it lies.
    private void refuseTableElsewhere() {
        Path output = new Path(settings.output());
        if (table.isPresent()
                && session != null
                && !S3Settings.isPreparedFor(output, spark.sparkContext().getConf())) {
            throw Refusal.usage(("--output-table %s lies in %s, on S3, for which the session must be prepared before it"
                            + " starts; give that location as --output, too")
                    .formatted(Quote.of(settings.target().table()), output));
        }
    }

    /// Writes a file beside the output's data, where Spark's readers skip it.
    ///
    /// @param file the file's name, which starts with an underscore
    /// @return its path
    public String writeBeside(String file, String content) {
        Path path = new Path(settings.output(), file);
        TextFile.write(path, content, spark.sessionState().newHadoopConf());
        return path.toString();
    }

    /// Prepares the end of this process. Spark logs an error for each task that the end cuts short, so the log is
    /// turned off, unless someone asked for a log of everything.
    private void interrupted() {
        release();
        if (!LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME).isInfoEnabled()) {
            spark.sparkContext().setLogLevel("OFF");
        }
    }

    /// Releases the output for another driver.
    private void release() {
        DriverClaim held = claim;
        if (held != null) {
            held.close();
        }
    }

    @Override
    public void close() {
        release();
        interruption.close();
        if (session != null) {
            session.close();
        }
    }
}
