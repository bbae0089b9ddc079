package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.cli.report.ForecastReport;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.errors.ErrorPolicy;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.run.RunForecast;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.spark.LocalMode;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// The options that say what every job reads and writes, in terms that Spark users know.
final class RunOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec command;

    @InSynopsis
    @Option(
            names = "--input",
            paramLabel = "PATH",
            description = "The input is this file, directory or glob, on any file system that Spark reads. A"
                    + " directory stands for all files in it and in its subdirectories. You may repeat the"
                    + " option. --input-table and --input-sql stand in its place.")
    public List<String> inputs = new ArrayList<>();

    @Option(
            names = "--input-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "The format is parquet, json, orc, csv, text, or any other source on Spark's class path."
                    + " Default: ${DEFAULT-VALUE}.")
    public String inputFormat = "parquet";

    @Option(
            names = "--input-option",
            paramLabel = "KEY=VALUE",
            description = "Spark's reader gets this option, such as multiLine=true. You may repeat it. By default CSV"
                    + " is read as RFC 4180 defines it (escape=\", multiLine=true), and JSON with one value a"
                    + " line and strings of any length.")
    Map<String, String> inputOptions = new LinkedHashMap<>();

    @Option(
            names = "--input-table",
            paramLabel = "NAME",
            description = "The input is this table or view of Spark's catalogs, such as library.books, instead of"
                    + " files. The run copies the columns that it needs to OUTPUT/_input once, and works on the"
                    + " copy, which it deletes at the end.")
    @Nullable
    String inputTable;

    @Option(
            names = "--input-sql",
            paramLabel = "QUERY",
            description = "The input is the result of this query in Spark's SQL, instead of files. It is copied as"
                    + " with --input-table.")
    @Nullable
    String inputSql;

    @InSynopsis
    @ChangesNoRow
    @Option(
            names = "--output",
            paramLabel = "DIR",
            description = "The run creates this directory. With --output-table it may be left out.")
    public String output = "";

    @ChangesNoRow
    @Option(
            names = "--output-table",
            paramLabel = "NAME",
            description = "The output is this table of Spark's own catalog, such as library.scores. The run creates"
                    + " the table, or continues it if the same run created it. Its files are in --output, or"
                    + " without that option at the table's location in the catalog.")
    @Nullable
    String outputTable;

    @Option(
            names = "--output-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "The format is parquet, json or orc. A column that the format cannot hold is refused before"
                    + " the run. Default: ${DEFAULT-VALUE}.")
    public String outputFormat = "parquet";

    @ChangesNoRow
    @Option(
            names = "--output-option",
            paramLabel = "KEY=VALUE",
            description = "Spark's writer gets this option, such as compression=zstd. You may repeat it.")
    Map<String, String> outputOptions = new LinkedHashMap<>();

    @ChangesNoRow
    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "resume",
            description = "This option says what happens if the output exists. resume goes on with the output of this"
                    + " very run, finished or not, and refuses anything else. fail stops. overwrite deletes what"
                    + " a run wrote there, and nothing else, and begins anew. Default: ${DEFAULT-VALUE}.")
    RunSettings.Mode mode = RunSettings.Mode.RESUME;

    @Option(
            names = "--columns",
            split = ",",
            paramLabel = "NAME",
            description = "These input columns pass through to the output. Write commas between their names. Default:"
                    + " all.")
    List<String> columns = new ArrayList<>();

    @ChangesNoRow
    @Option(
            names = "--on-error",
            paramLabel = "HOW",
            defaultValue = "keep",
            description = "This option says how rejected rows are handled, such as one whose text is null. With keep,"
                    + " the row is in the output and has error set. With drop, it is in OUTPUT/_errors instead,"
                    + " with error, origin_file and origin_row. Input files that cannot be read are then left out"
                    + " and listed there. With fail, the run stops. Default: ${DEFAULT-VALUE}.")
    public ErrorPolicy.OnError onError = ErrorPolicy.OnError.KEEP;

    @ChangesNoRow
    @Option(
            names = "--max-error-rate",
            paramLabel = "SHARE",
            description = "The run stops, with examples, once more than this share of the rows (0 to 1) is rejected."
                    + " It is judged by intervals, as soon as an interval is certain to exceed it, from "
                    + ErrorPolicy.FEW_ROWS
                    + " rows on. Default: 0.5, but runs of fewer rows then never stop.")
    @Nullable
    Double maxErrorRate;

    @Option(names = "--limit", paramLabel = "N", description = "The run processes the first N rows only. Default: all.")
    @Nullable
    Long limit;

    @ChangesNoRow
    @Option(
            names = "--checkpoint-rows",
            paramLabel = "N",
            description = "An interval has N rows. The output grows by whole intervals, and a killed run loses at"
                    + " most the interval it was in. All cores wait for each other at an interval's end, so very"
                    + " short intervals cost speed. Default: as many rows as take about ten minutes at the speed"
                    + " of the interval before, and 16 a core in the first interval.")
    @Nullable
    public Long checkpointRows;

    @ChangesNoRow
    @Option(
            names = "--checkpoint-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "An interval has at most this many bytes of the input's files, such as 64m. With"
                    + " --checkpoint-rows, the smaller of both counts. Default: no limit.")
    @Nullable
    Long checkpointBytes;

    @ChangesNoRow
    @Option(
            names = "--target-file-size",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            defaultValue = "128m",
            description = "Files of the output become about this large at most. The rows of an interval go into as"
                    + " few files as that takes, estimated from the size of rows that were written before."
                    + " Default: ${DEFAULT-VALUE}.")
    public long targetFileSize;

    @ChangesNoRow
    @Option(
            names = "--dry-run",
            description = "Nothing is written to --output. The command checks everything that it checks before a run,"
                    + " samples rows, and says what would be read, how the model fits into memory, how many tokens"
                    + " there are, and how long the run takes. It measures the speed on this machine for half a"
                    + " minute. Only the model's own files in --cache-dir may be written.")
    boolean dryRun;

    @ChangesNoRow
    @Option(
            names = "--probe",
            description = "With --dry-run, the speed is measured on the executors of the cluster, and not on this"
                    + " machine.")
    boolean probe;

    @ChangesNoRow
    @Option(
            names = "--conf",
            paramLabel = "KEY=VALUE",
            description = "Spark's session gets this configuration, as with spark-submit. You may repeat the option.")
    Map<String, String> conf = new LinkedHashMap<>();

    /// Returns the options as settings of a run. The defaults of the input's format are added to its options, and
    /// from then on they are options like any others, in the manifest and in the run's identity.
    ///
    /// @param allowOtherDevice whether the output may have been begun on another kind of device
    /// @throws Refusal if a value cannot work
    RunSettings settings(boolean allowOtherDevice) {
        refuseOptionsOfFiles();
        boolean hasInput = !inputs.isEmpty() || inputTable != null || inputSql != null;
        refuseMissing(!hasInput, "--input", ", or '--input-table', or '--input-sql'");
        refuseMissing(output.isEmpty() && outputTable == null, "--output", ", or '--output-table'");
        inputOptions.putAll(InputFormat.withDefaults(inputFormat, inputOptions));
        return new RunSettings(
                new InputFormat(
                        inputs, inputFormat, inputOptions, onError == ErrorPolicy.OnError.DROP, inputTable, inputSql),
                new RunSettings.Target(output, outputTable, outputFormat, outputOptions, targetFileSize),
                mode,
                new ErrorPolicy(onError, maxErrorRate),
                limit,
                new RunSettings.Intervals(checkpointRows, checkpointBytes),
                measuresHere() ? ofThisMachine(conf) : conf,
                allowOtherDevice);
    }

    /// Returns whether `--dry-run` measures on this machine.
    private boolean measuresHere() {
        if (probe && !dryRun) {
            throw Refusal.usage("--probe is for --dry-run; leave it out, or give both");
        }
        return dryRun && !probe;
    }

    /// Returns the configuration of a session on this machine, whatever cluster the run itself would have.
    static Map<String, String> ofThisMachine(Map<String, String> conf) {
        Map<String, String> local = new LinkedHashMap<>(conf);
        if (!LocalMode.isIn(submitted(conf))) {
            local.put("spark.master", "local[*]");
        }
        return local;
    }

    /// Returns the Spark configuration with which the run itself would start.
    SparkConf submitted() {
        return submitted(conf);
    }

    private static SparkConf submitted(Map<String, String> conf) {
        SparkConf submitted = new SparkConf();
        conf.forEach(submitted::set);
        return submitted.setIfMissing("spark.master", "local[*]");
    }

    /// Shows the forecast of a run.
    ///
    /// @param memory the lines that say how a model fits into memory; empty without a model
    void show(RunForecast forecast, String command, String output, List<String> memory) {
        ForecastReport lines = new ForecastReport(forecast);
        Report report = new Report(System.out);
        report.title("Dry run of %s, which wrote nothing".formatted(command));
        report.lines(lines.input(output));
        report.lines(memory);
        report.lines(lines.work());
    }

    /// Refuses options of files for a table, which says itself how it is read.
    private void refuseOptionsOfFiles() {
        for (String option : List.of("--input-format", "--input-option")) {
            if (inputs.isEmpty()
                    && (inputTable != null || inputSql != null)
                    && command.commandLine().getParseResult().hasMatchedOption(option)) {
                throw Refusal.usage("%s is for --input; leave it out with %s"
                        .formatted(option, inputTable == null ? "--input-sql" : "--input-table"));
            }
        }
    }

    /// Refuses a command line without one of several options as picocli does without a required one, so that a
    /// misspelt option is found.
    ///
    /// @param option the option that stands for all of them
    /// @param others the end of the message, with the others
    private void refuseMissing(boolean missing, String option, String others) {
        if (missing) {
            OptionSpec spec = command.findOption(option);
            throw new MissingParameterException(
                    command.commandLine(),
                    spec,
                    "Missing required option: '%s=%s'%s".formatted(option, spec.paramLabel(), others));
        }
    }
}
