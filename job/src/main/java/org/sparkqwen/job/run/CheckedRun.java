package org.sparkqwen.job.run;

import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.Work;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.RowProblem;
import org.sparkqwen.job.columns.UnreadableColumn;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.failure.Warnings;
import org.sparkqwen.job.input.InputReader;
import org.sparkqwen.job.input.InputRows;
import org.sparkqwen.job.input.InputScan;
import org.sparkqwen.job.input.PlannedRows;
import org.sparkqwen.job.input.Split;
import org.sparkqwen.job.progress.Counters;
import org.sparkqwen.job.spark.ReadColumns;
import org.sparkqwen.job.spark.ReadFiles;
import org.sparkqwen.job.storage.LocaleEncoding;
import org.sparkqwen.job.storage.S3Check;

/// A run whose input, output and columns have been checked on the driver, and which has written nothing yet.
///
/// @param settings what is read and written
/// @param state the state of the output, which may be that of an earlier start
/// @param input the columns of the input
/// @param made the columns of the rows that the work makes
/// @param output the columns of the output, which may have buckets in addition
/// @param needed the names of the input's columns that the output needs
/// @param quarantined the columns of rows that are dropped; null if none are
/// @param wanted the rows of the input with the needed columns alone
/// @param files the scan of these rows; null if they do not lie in files, so that they must be copied
/// @param counters the counts of the run's tasks
record CheckedRun(
        RunSettings settings,
        RunState state,
        StructType input,
        StructType made,
        StructType output,
        List<String> needed,
        @Nullable StructType quarantined,
        Dataset<Row> wanted,
        @Nullable InputScan files,
        Counters counters) {
    static final String INSTEAD = "choose another --output, or --mode overwrite";

    /// Checks a run.
    ///
    /// @param work makes the rows from the input, and is not prepared
    /// @param buckets the buckets into which these rows are divided; null for none
    /// @param check looks at the output's columns, and throws a [Refusal] if they do not suit
    /// @param warnings receives what a person should know
    /// @throws Refusal if the input cannot be read, or the output not be written
    static CheckedRun of(
            SparkSession spark,
            RunSettings settings,
            Optional<OutputTable> table,
            Work work,
            @Nullable Buckets buckets,
            Consumer<StructType> check,
            Warnings warnings) {
        Path output = new Path(settings.output());
        Configuration hadoop = spark.sessionState().newHadoopConf();
        S3Check.refuseUnreachable("--input", settings.input().paths(), hadoop);
        S3Check.refuseUnreachable("--output", List.of(settings.output()), hadoop);
        FileSystem outputFiles = fileSystem(output, hadoop);
        if (outputFiles instanceof LocalFileSystem) {
            LocaleEncoding.ofProcess().refuseOthers("--output", settings.output());
        }
        RunState state = new RunState(outputFiles, output);
        refuseExisting(settings, outputFiles, output);
        InputReader reader = new InputReader(spark, settings.input(), settings.output(), warnings);
        InputRows opened = reader.open();
        Dataset<Row> input = opened.all();
        Counters counters = Counters.register(spark);
        Dataset<Row> columns = settings.input().isTable() ? withoutRows(spark, input.schema()) : input;
        Dataset<Row> result = work.apply(columns, counters); // refuses an unsuitable input
        StructType schema = buckets == null ? result.schema() : buckets.output(result.schema());
        check.accept(schema);
        OutputFormat format = new OutputFormat(spark, settings.target().format());
        format.refuseWhatItCannotHold(schema);
        warnings.addAll(format.cautions(schema));
        if (buckets != null) {
            BucketStage.refuseWhatItCannotHold(spark, result.schema());
        }
        int added = work.addedColumns().size() + (buckets == null ? 0 : Buckets.SCHEMA.size());
        StructType quarantined = settings.drops() ? Quarantine.schema(schema, schema.size() - added) : null;
        List<String> needed = ReadColumns.of(columns, result);
        UnreadableColumn.refuse(input.schema(), needed);
        Dataset<Row> wanted =
                opened.only(needed.stream().map(ContentColumn::column).toArray(Column[]::new));
        InputScan files = settings.input().isTable() ? null : files(settings, wanted, reader, state);
        refuseOwnOutput(
                settings, files == null ? ReadFiles.of(input) : files.files().keySet(), outputFiles, output);
        if (files == null) {
            InputSnapshot.refuseWhatItCannotHold(spark, settings.input(), wanted.schema());
        }
        table.ifPresent(written -> {
            written.refuseUnlike(schema);
            written.refuseOthersRows(state);
        });
        refuseForeign(settings, state);
        return new CheckedRun(
                settings, state, input.schema(), result.schema(), schema, needed, quarantined, wanted, files, counters);
    }

    /// Returns this run in the form in which the output's state has it.
    ///
    /// @param identity what makes a run the same
    RunState.Run asRun(RunIdentity identity) {
        return new RunState.Run(
                Instant.now().toString(), identity, RowProblem.without(input).toDDL());
    }

    /// Returns the rows of an input without files, up to the limit.
    Dataset<Row> limited() {
        return limited(settings, wanted);
    }

    /// Leaves out the rows after the limit. Spark knows no limit above 2147483647. The run stops at a larger one by
    /// itself.
    private static Dataset<Row> limited(RunSettings settings, Dataset<Row> rows) {
        return settings.limit() == null || settings.limit() > Integer.MAX_VALUE
                ? rows
                : rows.limit(settings.limit().intValue());
    }

    /// Returns a relation of these columns for planning. The optimizer would replace the columns of a query by
    /// those of the tables under it, which may have other names. It cannot look through an RDD.
    private static Dataset<Row> withoutRows(SparkSession spark, StructType columns) {
        return spark.createDataFrame(
                JavaSparkContext.fromSparkContext(spark.sparkContext()).<Row>emptyRDD(), columns);
    }

    /// Returns a scan of the input's files; null if it has none, so that it must be copied.
    private static @Nullable InputScan files(
            RunSettings settings, Dataset<Row> input, InputReader reader, RunState state) {
        InputScan scan = new InputScan(input, reader.unreadable(), reader.areAlike());
        if (scan.liesInFiles()) {
            return scan;
        }
        // Earlier versions did not copy such an input, and took it for one interval.
        boolean earlier = settings.mode() != RunSettings.Mode.OVERWRITE
                && state.exists()
                && PlannedRows.of(state.plans()).contains(Split.WHOLE_SOURCE);
        return !earlier ? null : settings.limit() == null ? scan : new InputScan(limited(settings, input));
    }

    private static void refuseExisting(RunSettings settings, FileSystem files, Path output) {
        try {
            if (settings.mode() == RunSettings.Mode.FAIL && files.exists(output)) {
                throw Refusal.usage("--output %s exists; choose another, or leave out --mode fail to go on with it"
                        .formatted(output));
            }
        } catch (IOException e) {
            throw Refusal.failure("--output %s cannot be looked at: %s".formatted(output, Failures.firstLine(e)));
        }
    }

    /// Refuses an output that is part of the input. A run that reads what it writes would never end, and one that
    /// overwrites what it reads would lose it.
    ///
    /// @param read the files that are read
    private static void refuseOwnOutput(RunSettings settings, Set<String> read, FileSystem files, Path output) {
        Path written = files.makeQualified(output);
        String inside = written.isRoot() ? written.toString() : written + "/";
        read.stream().filter(path -> path.startsWith(inside)).findFirst().ifPresent(path -> {
            throw Refusal.usage("%s reads %s, which lies in --output; choose another --output"
                    .formatted(settings.input().source(), path));
        });
    }

    /// Refuses an output with files that no run of ours wrote. It is neither continued nor deleted.
    static void refuseForeign(RunSettings settings, RunState state) {
        if (state.isOurs()) {
            new DataFiles(settings, settings.output(), state.data()).refuseForeign();
        } else if (settings.mode() == RunSettings.Mode.OVERWRITE
                && !state.data().isEmpty()) {
            throw Refusal.usage(("--output %s has files and no state of a run, so --mode overwrite deletes nothing"
                            + " there; choose another --output, or empty it yourself")
                    .formatted(settings.output()));
        } else if (!state.data().visible().isEmpty()) {
            throw Refusal.usage("--output %s holds files that no run of this version wrote; choose another --output"
                    .formatted(settings.output()));
        }
    }

    /// Refuses to continue another run.
    ///
    /// @param before the run in the output
    static void refuseOtherRun(RunSettings settings, RunState.Run before, RunState.Run now) {
        RunIdentity identity = now.identity().onDeviceOf(before.identity());
        String differences = before.identity().differences(identity);
        if (differences.isEmpty() && !settings.allowOtherDevice() && !identity.equals(now.identity())) {
            throw Refusal.usage(("--output %s was begun on %s, and this run is on %s, whose numbers differ in their"
                            + " last digits; give --device %s, or --allow-other-device, or %s")
                    .formatted(
                            settings.output(),
                            before.identity().device(),
                            now.identity().device(),
                            before.identity().device(),
                            INSTEAD));
        }
        differences = before.identity().differences(settings.allowOtherDevice() ? identity : now.identity());
        if (!differences.isEmpty()) {
            throw Refusal.usage("--output %s holds a run of other options: %s; %s"
                    .formatted(settings.output(), differences, INSTEAD));
        }
        if (!ColumnTypes.areSame(before.columns(), now.columns())) {
            throw Refusal.usage("--output %s holds a run whose input had other columns: %s, not %s; %s"
                    .formatted(settings.output(), before.columns(), now.columns(), INSTEAD));
        }
    }

    private static FileSystem fileSystem(Path path, Configuration hadoop) {
        try {
            return path.getFileSystem(hadoop);
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be reached: %s".formatted(path, Failures.firstLine(e)), e);
        }
    }
}
