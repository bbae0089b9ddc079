package org.sparkqwen.job.run;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;

/// The settings of a run: what it reads and writes, and how. They do not include what the job does with a row.
/// [#of] has the defaults of the command line.
///
/// @param input what is read
/// @param output the directory that the run creates, on any file system that Spark writes to; empty for the location of
///     the table
/// @param outputTable the table of Spark's session catalog that shows the output; null for none
/// @param outputFormat `parquet`, `json` or `orc`
/// @param outputOptions the options of that format
/// @param mode what to do when the output exists
/// @param errors how rejected rows are handled
/// @param limit how many of the first rows are processed; null for all
/// @param checkpointRows the rows of an interval; null for as many as take about ten minutes
/// @param checkpointBytes the bytes of an interval in the input's files; null for no limit
/// @param targetFileSize the approximate most bytes of an output file
/// @param conf the Spark configuration of the session
/// @param allowOtherDevice whether an output that was begun on GPUs may be continued on the processor, and the other
///     way round
public record RunSettings(
        InputFormat input,
        String output,
        @Nullable String outputTable,
        String outputFormat,
        Map<String, String> outputOptions,
        Mode mode,
        ErrorPolicy errors,
        @Nullable Long limit,
        @Nullable Long checkpointRows,
        @Nullable Long checkpointBytes,
        long targetFileSize,
        Map<String, String> conf,
        boolean allowOtherDevice) {
    /// What to do when the output exists.
    public enum Mode {
        /// Continues the output if it is of this same run, finished or not, and refuses anything else.
        RESUME,
        /// Refuses the output.
        FAIL,
        /// Deletes what a run wrote there, and nothing else, and begins anew.
        OVERWRITE
    }

    /// @throws Refusal if a value cannot work
    public RunSettings {
        if (!OutputFormat.NAMES.contains(outputFormat)) {
            throw Refusal.usage("--output-format %s cannot hold the output's columns; parquet, json and orc can"
                    .formatted(outputFormat));
        }
        if (limit != null && limit < 1) {
            throw Refusal.usage("--limit must be at least 1, not " + limit);
        }
        if (checkpointRows != null && checkpointRows < 1) {
            throw Refusal.usage("--checkpoint-rows must be at least 1, not " + checkpointRows);
        }
    }

    private static final long TARGET_FILE_SIZE = 128 << 20;

    /// Returns settings with the defaults of the command line.
    public static RunSettings of(InputFormat input, String output) {
        return new RunSettings(
                input,
                output,
                null,
                "parquet",
                Map.of(),
                Mode.RESUME,
                new ErrorPolicy(ErrorPolicy.OnError.KEEP, null),
                null,
                null,
                null,
                TARGET_FILE_SIZE,
                Map.of(),
                false);
    }

    /// Returns settings with the defaults of the command line, for a table at its own location: the one that it
    /// has, or that a table of its database gets.
    ///
    /// @param table the name of a table of Spark's session catalog, such as `scores` or `library.scores`
    public static RunSettings ofTable(InputFormat input, String table) {
        return of(input, "").withOutputTable(table);
    }

    /// Returns these settings with a table that shows the output.
    ///
    /// @param value the name of a table of Spark's session catalog, such as `scores` or `library.scores`
    public RunSettings withOutputTable(String value) {
        return located(output, value);
    }

    /// Returns these settings with the directory of their table.
    RunSettings withOutput(String value) {
        return located(value, outputTable);
    }

    private RunSettings located(String directory, @Nullable String table) {
        return new RunSettings(
                input,
                directory,
                table,
                outputFormat,
                outputOptions,
                mode,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf,
                allowOtherDevice);
    }

    /// Returns these settings with another way to treat an output that exists.
    public RunSettings withMode(Mode value) {
        return new RunSettings(
                input,
                output,
                outputTable,
                outputFormat,
                outputOptions,
                value,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf,
                allowOtherDevice);
    }

    /// Returns these settings with another way to handle rejected rows. If rejected rows are dropped, files that
    /// cannot be read are left out, too.
    public RunSettings withErrors(ErrorPolicy value) {
        boolean drops = value.onError() == ErrorPolicy.OnError.DROP;
        return new RunSettings(
                input.withLeavingOutUnreadable(drops),
                output,
                outputTable,
                outputFormat,
                outputOptions,
                mode,
                value,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf,
                allowOtherDevice);
    }

    /// Returns these settings with intervals of so many rows.
    public RunSettings withCheckpointRows(long value) {
        return new RunSettings(
                input,
                output,
                outputTable,
                outputFormat,
                outputOptions,
                mode,
                errors,
                limit,
                value,
                checkpointBytes,
                targetFileSize,
                conf,
                allowOtherDevice);
    }

    /// Returns these settings with output files of about so many bytes at most.
    public RunSettings withTargetFileSize(long value) {
        return new RunSettings(
                input,
                output,
                outputTable,
                outputFormat,
                outputOptions,
                mode,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                value,
                conf,
                allowOtherDevice);
    }

    /// Returns these settings, saying whether an output that was begun on another kind of device may be continued.
    public RunSettings withOtherDevice(boolean value) {
        return new RunSettings(
                input,
                output,
                outputTable,
                outputFormat,
                outputOptions,
                mode,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf,
                value);
    }

    /// Returns these settings with another Spark configuration, for a session that the run starts.
    public RunSettings withConf(Map<String, String> value) {
        return new RunSettings(
                input,
                output,
                outputTable,
                outputFormat,
                outputOptions,
                mode,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                value,
                allowOtherDevice);
    }

    /// Returns these settings with a permission to continue on the processor what was begun on GPUs, and the other
    /// way round. Rows of both then differ in their last digits, and the column `model` says which are which.
    public RunSettings withAllowOtherDevice(boolean value) {
        return new RunSettings(
                input,
                output,
                outputTable,
                outputFormat,
                outputOptions,
                mode,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf,
                value);
    }

    /// Returns whether rejected rows are written to the quarantine.
    boolean drops() {
        return errors.onError() == ErrorPolicy.OnError.DROP;
    }
}
