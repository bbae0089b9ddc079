package org.sparkqwen.job.run;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.buckets.Thresholds;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.UnreadableColumn;
import org.sparkqwen.job.errors.BadData;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.input.InputReader;
import org.sparkqwen.job.input.InputRows;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.PlannedRows;
import org.sparkqwen.job.input.Split;
import org.sparkqwen.job.input.UnreadableFiles;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.progress.Pace;
import org.sparkqwen.job.spark.ReadColumns;
import org.sparkqwen.job.spark.ReadFiles;
import org.sparkqwen.job.storage.OutputLayout;
import org.sparkqwen.job.storage.S3Check;
import org.sparkqwen.job.storage.S3Settings;
import org.sparkqwen.job.storage.TextFile;

/// The course of every job: check, read, process while a person can watch, write, and check what was written.
public final class JobRun implements AutoCloseable {
    private static final String INSTEAD = "choose another --output, or --mode overwrite";

    private final String name;
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
        this.name = name;
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
        return settings.outputTable() == null
                ? settings.output()
                : "table %s in %s".formatted(settings.outputTable(), settings.output());
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
        Path output = new Path(settings.output());
        Configuration hadoop = spark.sessionState().newHadoopConf();
        S3Check.refuseUnreachable("--input", settings.input().paths(), hadoop);
        S3Check.refuseUnreachable("--output", List.of(settings.output()), hadoop);
        RunState state = new RunState(fileSystem(output), output);
        refuseExisting(output);
        refuseTableElsewhere(output);
        InputReader reader = new InputReader(spark, settings.input(), settings.output(), warnings);
        InputRows opened = reader.open();
        Dataset<Row> input = opened.all();
        Counters counters = Counters.register(spark);
        Pace pace = new Pace();
        Dataset<Row> columns = settings.input().isTable() ? withoutRows(input.schema()) : input;
        Dataset<Row> result = work.apply(columns, counters); // refuses an unsuitable input
        StructType schema = buckets == null ? result.schema() : buckets.output(result.schema());
        check.accept(schema);
        if (session != null && session.isOwn()) {
            table.flatMap(OutputTable::caution).ifPresent(warnings::add);
        }
        OutputFormat format = new OutputFormat(spark, settings.outputFormat());
        format.refuseWhatItCannotHold(schema);
        warnings.addAll(format.cautions(schema));
        if (buckets != null) {
            BucketStage.refuseWhatItCannotHold(spark, result.schema());
        }
        int added = work.addedColumns().size() + (buckets == null ? 0 : Buckets.SCHEMA.size());
        StructType quarantined = settings.drops()
                ? Quarantine.schema(schema, schema.size() - added)
                : null; // the columns of rows that are dropped
        List<String> needed = ReadColumns.of(columns, result);
        UnreadableColumn.refuse(input.schema(), needed);
        Dataset<Row> wanted =
                opened.only(needed.stream().map(ContentColumn::column).toArray(Column[]::new));
        InputScan files = settings.input().isTable() ? null : files(wanted, reader.unreadable(), state);
        refuseOwnOutput(files == null ? ReadFiles.of(input) : files.files().keySet(), output);
        if (files == null) {
            InputSnapshot.refuseWhatItCannotHold(spark, settings.input(), wanted.schema());
        }
        table.ifPresent(written -> {
            written.refuseUnlike(schema);
            written.refuseOthersRows(state);
        });
        refuseForeign(state);
        DriverClaim taken = DriverClaim.of(
                state, settings.output(), System.err, () -> spark.sparkContext().cancelAllJobs());
        claim = taken;
        InputSnapshot snapshot = new InputSnapshot(spark, settings, state, taken);
        refuseForeign(state); // checks again, because another driver may have written until then
        begin(
                state,
                new RunState.Run(
                        Instant.now().toString(),
                        identity,
                        RowProblem.without(input.schema()).toDDL()));
        table.ifPresent(written -> written.create(schema));
        InputScan scan = files == null ? new InputScan(snapshot.of(limited(wanted))) : files;

        BucketStage second = buckets == null ? null : new BucketStage(spark, settings, state, buckets);
        CheckpointedRun.Outcome outcome = new CheckpointedRun(
                        spark,
                        name,
                        second == null ? settings : second.scoring(),
                        state,
                        taken,
                        warnings,
                        interruption,
                        second == null ? new OutputFiles(settings, state, quarantined) : second.scored(quarantined),
                        second == null ? Intake.ALL : second,
                        scan,
                        files == null ? settings.input().origin() : null,
                        work,
                        work.estimatedTokens(input.schema()),
                        counters,
                        pace)
                .run();
        BucketStage.Outcome divided = null;
        if (second != null) {
            work.release(); // the second stage needs no model
            divided = second.run(outcome.commits(), result.schema(), taken, warnings, interruption);
        }
        state.mark(true);
        if (second != null) {
            second.discardScored();
        }
        if (files == null) {
            snapshot.discard();
        }
        table.flatMap(written -> written.show(schema)).ifPresent(warnings::add);
        warnings.addAll(counters.notes().warnings());
        WrittenRows written = rows(settings.output(), schema);
        boolean wasComplete = divided == null ? outcome.wasComplete() : divided.wasComplete();
        return new Written(
                RunSummary.of(outcome.commits(), wasComplete, warnings.lines()),
                divided == null ? null : divided.thresholds(),
                written,
                state.run().started(),
                divided == null ? outcome.time() : outcome.time().plus(divided.time()),
                counters,
                pace,
                badData(outcome, written, quarantined),
                WorkRate.of(outcome.commits()),
                outcome.commits().size(),
                Math.max(0, state.attempts() - 1) + (divided == null ? 0 : divided.restarts()));
    }

    /// Returns a relation of these columns for planning. The optimizer would replace the columns of a query by
    /// those of the tables under it, which may have other names. It cannot look through an RDD.
    private Dataset<Row> withoutRows(StructType columns) {
        return spark.createDataFrame(
                JavaSparkContext.fromSparkContext(spark.sparkContext()).<Row>emptyRDD(), columns);
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
        Map<String, String> options = OutputFormat.readerOptions(settings.outputOptions());
        return new WrittenRows(spark, place, settings.outputFormat(), options, columns);
    }

    /// Refuses an output with files that no run of ours wrote. It is neither continued nor deleted.
    private void refuseForeign(RunState state) {
        if (state.isOurs()) {
            new DataFiles(settings, settings.output(), state).refuseForeign();
        } else if (settings.mode() == RunSettings.Mode.OVERWRITE && !state.isEmpty()) {
            throw Refusal.usage(("--output %s has files and no state of a run, so --mode overwrite deletes nothing"
                            + " there; choose another --output, or empty it yourself")
                    .formatted(settings.output()));
        } else if (!state.visible().isEmpty()) {
            throw Refusal.usage("--output %s holds files that no run of this version wrote; choose another --output"
                    .formatted(settings.output()));
        }
    }

    /// Begins a run, or finds that the output holds this same run.
    private void begin(RunState state, RunState.Run run) {
        if (settings.mode() == RunSettings.Mode.OVERWRITE) {
            state.erase();
        }
        if (state.exists()) {
            refuseOtherRun(state.run(), run);
        } else if (state.visible().isEmpty()) {
            state.begin(run);
        } else {
            throw Refusal.usage("--output %s has lost its _spark_qwen/run.json, or it was being deleted; %s"
                    .formatted(settings.output(), INSTEAD));
        }
    }

    private void refuseOtherRun(RunState.Run before, RunState.Run now) {
        String differences = before.identity().differences(now.identity());
        if (!differences.isEmpty()) {
            throw Refusal.usage("--output %s holds a run of other options: %s; %s"
                    .formatted(settings.output(), differences, INSTEAD));
        }
        if (!ColumnTypes.areSame(before.columns(), now.columns())) {
            throw Refusal.usage("--output %s holds a run whose input had other columns: %s, not %s; %s"
                    .formatted(settings.output(), before.columns(), now.columns(), INSTEAD));
        }
    }

    /// Returns a scan of the input's files; null if it has none, so that it must be copied.
    private @Nullable InputScan files(Dataset<Row> input, UnreadableFiles unreadable, RunState state) {
        InputScan scan = new InputScan(input, unreadable);
        if (scan.liesInFiles()) {
            return scan;
        }
        // Earlier versions did not copy such an input, and took it for one interval.
        boolean earlier = settings.mode() != RunSettings.Mode.OVERWRITE
                && state.exists()
                && PlannedRows.of(state.plans()).contains(Split.WHOLE_SOURCE);
        return !earlier ? null : settings.limit() == null ? scan : new InputScan(limited(input));
    }

    /// Leaves out the rows after the limit. Spark knows no limit above 2147483647. The run stops at a larger one by
    /// itself.
    private Dataset<Row> limited(Dataset<Row> rows) {
        return settings.limit() == null || settings.limit() > Integer.MAX_VALUE
                ? rows
                : rows.limit(settings.limit().intValue());
    }

    /// Refuses an output that is part of the input. A run that reads what it writes would never end, and one that
    /// overwrites what it reads would lose it.
    ///
    /// @param files the files that are read
    private void refuseOwnOutput(Set<String> files, Path output) {
        Path written = fileSystem(output).makeQualified(output);
        String inside = written.isRoot() ? written.toString() : written + "/";
        files.stream().filter(path -> path.startsWith(inside)).findFirst().ifPresent(path -> {
            throw Refusal.usage("%s reads %s, which lies in --output; choose another --output"
                    .formatted(settings.input().source(), path));
        });
    }

    /// Refuses a table on S3 for which the session was not prepared, because only its catalog knows where it lies.
    private void refuseTableElsewhere(Path output) {
        if (table.isPresent()
                && session != null
                && !S3Settings.isPreparedFor(output, spark.sparkContext().getConf())) {
            throw Refusal.usage(("--output-table %s lies in %s, on S3, for which the session must be prepared before it"
                            + " starts; give that location as --output, too")
                    .formatted(Quote.of(settings.outputTable()), output));
        }
    }

    private void refuseExisting(Path output) {
        try {
            if (settings.mode() == RunSettings.Mode.FAIL && fileSystem(output).exists(output)) {
                throw Refusal.usage("--output %s exists; choose another, or leave out --mode fail to go on with it"
                        .formatted(output));
            }
        } catch (IOException e) {
            throw Refusal.failure("--output %s cannot be looked at: %s".formatted(output, Failures.firstLine(e)));
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

    private FileSystem fileSystem(Path path) {
        try {
            return path.getFileSystem(spark.sessionState().newHadoopConf());
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be reached: %s".formatted(path, Failures.firstLine(e)), e);
        }
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
