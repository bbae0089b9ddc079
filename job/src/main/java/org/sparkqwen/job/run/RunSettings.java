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
/// @param target what is written
/// @param mode what to do when the output exists
/// @param errors how rejected rows are handled
/// @param limit how many of the first rows are processed; null for all
/// @param intervals the parts by which the output grows
/// @param conf the Spark configuration of the session
/// @param allowOtherDevice whether an output that was begun on GPUs may be continued on the processor, and the other
///     way round
public record RunSettings(
        InputFormat input,
        Target target,
        Mode mode,
        ErrorPolicy errors,
        @Nullable Long limit,
        Intervals intervals,
        Map<String, String> conf,
        boolean allowOtherDevice) {
    private static final long TARGET_FILE_SIZE = 128 << 20;

    /// What a run writes.
    ///
    /// @param directory the directory that the run creates, on any file system that Spark writes to; empty for the
    ///     location of the table
    /// @param table the table of Spark's session catalog that shows the output; null for none
    /// @param format `parquet`, `json` or `orc`
    /// @param options the options of that format
    /// @param fileSize the approximate most bytes of a file
    public record Target(
            String directory, @Nullable String table, String format, Map<String, String> options, long fileSize) {
        /// @throws Refusal if the format cannot hold what jobs write
        public Target {
            if (!OutputFormat.NAMES.contains(format)) {
                throw Refusal.usage("--output-format %s cannot hold the output's columns; parquet, json and orc can"
                        .formatted(format));
            }
        }
    }

    /// The most that an interval has. A run that was killed goes on after its last whole interval.
    ///
    /// @param rows the rows of an interval; null for as many as take about ten minutes
    /// @param bytes the bytes of an interval in the input's files; null for no limit
    public record Intervals(@Nullable Long rows, @Nullable Long bytes) {
        /// @throws Refusal if there would be no rows
        public Intervals {
            if (rows != null && rows < 1) {
                throw Refusal.usage("--checkpoint-rows must be at least 1, not " + rows);
            }
        }
    }

    /// What to do when the output exists.
    public enum Mode {
        /// Continues the output if it is of this same run, finished or not, and refuses anything else.
        RESUME,
        /// Refuses the output.
        FAIL,
        /// Deletes what a run wrote there, and nothing else, and begins anew.
        OVERWRITE
    }

    /// @throws Refusal if there is nothing to process
    public RunSettings {
        if (limit != null && limit < 1) {
            throw Refusal.usage("--limit must be at least 1, not " + limit);
        }
    }

    /// Returns settings with the defaults of the command line.
    public static RunSettings of(InputFormat input, String output) {
        return new RunSettings(
                input,
                new Target(output, null, "parquet", Map.of(), TARGET_FILE_SIZE),
                Mode.RESUME,
                new ErrorPolicy(ErrorPolicy.OnError.KEEP, null),
                null,
                new Intervals(null, null),
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
        return withTarget(new Target(target.directory, value, target.format, target.options, target.fileSize));
    }

    /// Returns these settings with the directory of their table.
    RunSettings withOutput(String value) {
        return withTarget(new Target(value, target.table, target.format, target.options, target.fileSize));
    }

    /// Returns these settings with another format of the output.
    ///
    /// @param format `parquet`, `json` or `orc`
    /// @param options the options of that format
    public RunSettings withOutputFormat(String format, Map<String, String> options) {
        return withTarget(new Target(target.directory, target.table, format, options, target.fileSize));
    }

    /// Returns these settings with output files of about so many bytes at most.
    public RunSettings withTargetFileSize(long value) {
        return withTarget(new Target(target.directory, target.table, target.format, target.options, value));
    }

    private RunSettings withTarget(Target value) {
        return new RunSettings(input, value, mode, errors, limit, intervals, conf, allowOtherDevice);
    }

    /// Returns these settings with another way to treat an output that exists.
    public RunSettings withMode(Mode value) {
        return new RunSettings(input, target, value, errors, limit, intervals, conf, allowOtherDevice);
    }

    /// Returns these settings with another way to handle rejected rows. If rejected rows are dropped, files that
    /// cannot be read are left out, too.
    public RunSettings withErrors(ErrorPolicy value) {
        InputFormat read = input.withLeavingOutUnreadable(value.onError() == ErrorPolicy.OnError.DROP);
        return new RunSettings(read, target, mode, value, limit, intervals, conf, allowOtherDevice);
    }

    /// Returns these settings with intervals of so many rows.
    public RunSettings withCheckpointRows(long value) {
        Intervals parts = new Intervals(value, intervals.bytes);
        return new RunSettings(input, target, mode, errors, limit, parts, conf, allowOtherDevice);
    }

    /// Returns these settings with another Spark configuration, for a session that the run starts.
    public RunSettings withConf(Map<String, String> value) {
        return new RunSettings(input, target, mode, errors, limit, intervals, value, allowOtherDevice);
    }

    /// Returns these settings with a permission to continue on the processor what was begun on GPUs, and the other
    /// way round. Rows of both then differ in their last digits, and the column `model` says which are which.
    public RunSettings withAllowOtherDevice(boolean value) {
        return new RunSettings(input, target, mode, errors, limit, intervals, conf, value);
    }

    /// Returns the directory of the output.
    public String output() {
        return target.directory;
    }

    /// Returns whether rejected rows are written to the quarantine.
    boolean drops() {
        return errors.onError() == ErrorPolicy.OnError.DROP;
    }
}
