package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.run.RunSettings;
import picocli.CommandLine.Option;

/// The options that say what every job reads and writes, in terms that Spark users know.
final class RunOptions {
    @Option(
            names = "--input",
            required = true,
            paramLabel = "PATH",
            description =
                    "File, directory or glob, on any file system that Spark reads; of a directory all files, those"
                            + " in its sub-directories included. Repeatable.")
    public List<String> inputs = new ArrayList<>();

    @Option(
            names = "--input-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "parquet, json, orc, csv, text, or any other source on Spark's class path."
                    + " Default: ${DEFAULT-VALUE}.")
    public String inputFormat = "parquet";

    @Option(
            names = "--input-option",
            paramLabel = "KEY=VALUE",
            description = "Option of the input format, such as multiLine=true. Repeatable. By default CSV is read as"
                    + " RFC 4180 has it (escape=\", multiLine=true), and JSON with a value a line and strings of any"
                    + " length.")
    Map<String, String> inputOptions = new LinkedHashMap<>();

    @ChangesNoRow
    @Option(names = "--output", required = true, paramLabel = "DIR", description = "Directory that the run creates.")
    public String output = "";

    @Option(
            names = "--output-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "parquet, json or orc. A column that it cannot hold is refused before the run."
                    + " Default: ${DEFAULT-VALUE}.")
    public String outputFormat = "parquet";

    @ChangesNoRow
    @Option(
            names = "--output-option",
            paramLabel = "KEY=VALUE",
            description = "Option of the output format, such as compression=zstd. Repeatable.")
    Map<String, String> outputOptions = new LinkedHashMap<>();

    @ChangesNoRow
    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "resume",
            description = "What to do when the output exists: resume, go on with it if it is this very run's, done or"
                    + " not, and refuse anything else; fail; or overwrite, delete what a run wrote there, and nothing"
                    + " else, and begin anew. Default: ${DEFAULT-VALUE}.")
    RunSettings.Mode mode = RunSettings.Mode.RESUME;

    @Option(
            names = "--columns",
            split = ",",
            paramLabel = "NAME",
            description = "Columns of the input that pass through to the output, with commas between. Default: all.")
    List<String> columns = new ArrayList<>();

    @ChangesNoRow
    @Option(
            names = "--on-error",
            paramLabel = "HOW",
            defaultValue = "keep",
            description = "What becomes of a row that cannot be worked on, such as one whose text is null: keep, it is"
                    + " in the output with error set; drop, it is in OUTPUT/_errors instead, with error, origin_file"
                    + " and origin_row, and input files that cannot be read are left out and listed there; fail, the"
                    + " run stops. Default: ${DEFAULT-VALUE}.")
    public ErrorPolicy.OnError onError = ErrorPolicy.OnError.KEEP;

    @ChangesNoRow
    @Option(
            names = "--max-error-rate",
            paramLabel = "SHARE",
            description = "Stop, with examples, once more than this share of rows, 0 to 1, cannot be worked on. Judged"
                    + " by intervals, as soon as an interval is certain to go above it, from " + ErrorPolicy.FEW_ROWS
                    + " rows on. Default: 0.5; then runs of fewer rows never stop.")
    @Nullable
    Double maxErrorRate;

    @Option(names = "--limit", paramLabel = "N", description = "Work on the first N rows only.")
    @Nullable
    Long limit;

    @ChangesNoRow
    @Option(
            names = "--checkpoint-rows",
            paramLabel = "N",
            description = "Rows of an interval. The output grows by whole intervals, and a run that was killed loses"
                    + " the one it was in. Default: as many as take about ten minutes at the speed of the one before,"
                    + " and 16 a core in the first: little to lose, and yet enough to keep all cores at work, for they"
                    + " wait for each other at an interval's end.")
    @Nullable
    public Long checkpointRows;

    @ChangesNoRow
    @Option(
            names = "--checkpoint-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "Bytes of an interval in the input's files, such as 64m; with --checkpoint-rows, whichever is"
                    + " less. Default: no limit.")
    @Nullable
    Long checkpointBytes;

    @ChangesNoRow
    @Option(
            names = "--target-file-size",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            defaultValue = "128m",
            description = "About how large files of the output become at most: an interval's rows go into as few as"
                    + " that takes, by the size of rows written before. Default: ${DEFAULT-VALUE}.")
    public long targetFileSize;

    @ChangesNoRow
    @Option(
            names = "--conf",
            paramLabel = "KEY=VALUE",
            description = "Spark configuration of this run's session, as with spark-submit. Repeatable.")
    Map<String, String> conf = new LinkedHashMap<>();

    /// Returns the options as settings of a run. The defaults of the input's format are added to its options, and
    /// from then on they are options like any others, in the manifest and in the run's identity.
    ///
    /// @throws Refusal if a value cannot work
    RunSettings settings() {
        inputOptions.putAll(InputFormat.withDefaults(inputFormat, inputOptions));
        return new RunSettings(
                new InputFormat(inputs, inputFormat, inputOptions, onError == ErrorPolicy.OnError.DROP),
                output,
                outputFormat,
                outputOptions,
                mode,
                columns,
                new ErrorPolicy(onError, maxErrorRate),
                limit,
                checkpointRows,
                checkpointBytes,
                targetFileSize,
                conf);
    }
}
