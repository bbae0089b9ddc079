package org.sparkqwen.job.run;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;

/// What a run reads and writes, and how it goes about it; what the job does to a row is not among it.
///
/// @param input what is read
/// @param output the directory that the run creates, on any file system that Spark writes to
/// @param outputFormat `parquet`, `json` or `orc`
/// @param outputOptions of that format
/// @param mode what to do when the output exists
/// @param columns of the input that pass through to the output; empty for all
/// @param errors how rejected rows are handled
/// @param limit how many rows are worked on, the first; null for all
/// @param checkpointRows rows of an interval; null for as many as take about ten minutes
/// @param checkpointBytes bytes of an interval in the input's files; null for no limit
/// @param targetFileSize about how many bytes a file of the output has at most
/// @param conf Spark configuration of the session
public record RunSettings(
        InputFormat input,
        String output,
        String outputFormat,
        Map<String, String> outputOptions,
        Mode mode,
        List<String> columns,
        ErrorPolicy errors,
        @Nullable Long limit,
        @Nullable Long checkpointRows,
        @Nullable Long checkpointBytes,
        long targetFileSize,
        Map<String, String> conf) {
    /// What to do when the output exists.
    public enum Mode {
        /// Goes on with it if it is this very run's, done or not, and refuses anything else.
        RESUME,
        /// Refuses.
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

    /// A run with the defaults of the command line.
    public static RunSettings of(InputFormat input, String output) {
        return new RunSettings(
                input,
                output,
                "parquet",
                Map.of(),
                Mode.RESUME,
                List.of(),
                new ErrorPolicy(ErrorPolicy.OnError.KEEP, null),
                null,
                null,
                null,
                TARGET_FILE_SIZE,
                Map.of());
    }

    /// The same run with another format of the output: `parquet`, `json` or `orc`.
    public RunSettings withOutputFormat(String value) {
        return new RunSettings(
                input,
                output,
                value,
                outputOptions,
                mode,
                columns,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run with options of the output's format.
    public RunSettings withOutputOptions(Map<String, String> value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                value,
                mode,
                columns,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run with another answer to what to do when the output exists.
    public RunSettings withMode(Mode value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                value,
                columns,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run with these columns of the input passing through, and no others.
    public RunSettings withColumns(List<String> value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                value,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run with another way to handle rejected rows.
    public RunSettings withErrors(ErrorPolicy value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                value,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run of the first rows of the input only.
    public RunSettings withLimit(long value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                errors,
                value,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run with intervals of so many rows.
    public RunSettings withCheckpointRows(long value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                errors,
                limit,
                value,
                checkpointBytes,
                targetFileSize,
                conf);
    }

    /// The same run with intervals of so many bytes of the input.
    public RunSettings withCheckpointBytes(long value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                errors,
                limit,
                checkpointRows,
                value,
                targetFileSize,
                conf);
    }

    /// The same run with output files of about so many bytes at most.
    public RunSettings withTargetFileSize(long value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                value,
                conf);
    }

    /// The same run with Spark configuration of the session.
    public RunSettings withConf(Map<String, String> value) {
        return new RunSettings(
                input,
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                errors,
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                value);
    }

    /// Whether rejected rows are put aside.
    boolean drops() {
        return errors.onError() == ErrorPolicy.OnError.DROP;
    }
}
