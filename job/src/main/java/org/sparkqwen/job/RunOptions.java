package org.sparkqwen.job;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What every job reads and writes, as Spark users know it.
final class RunOptions {
    /// What happens to an output that exists.
    enum Mode {
        FAIL,
        OVERWRITE
    }

    @Option(
            names = "--input",
            required = true,
            paramLabel = "PATH",
            description = "File, directory or glob, on any file system that Spark reads. Repeatable.")
    List<String> inputs = new ArrayList<>();

    @Option(
            names = "--input-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "parquet, json, orc, csv, text, or any other source on Spark's class path."
                    + " Default: ${DEFAULT-VALUE}.")
    String inputFormat = "parquet";

    @Option(
            names = "--input-option",
            paramLabel = "KEY=VALUE",
            description = "Option of the input format, such as multiLine=true. Repeatable.")
    Map<String, String> inputOptions = new LinkedHashMap<>();

    @Option(names = "--output", required = true, paramLabel = "DIR", description = "Directory that the run creates.")
    String output = "";

    @Option(
            names = "--output-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "parquet, json or orc. Default: ${DEFAULT-VALUE}.")
    String outputFormat = "parquet";

    @Option(
            names = "--output-option",
            paramLabel = "KEY=VALUE",
            description = "Option of the output format, such as compression=zstd. Repeatable.")
    Map<String, String> outputOptions = new LinkedHashMap<>();

    @Option(
            names = "--mode",
            paramLabel = "MODE",
            defaultValue = "fail",
            description = "What to do when the output exists: fail or overwrite. Default: ${DEFAULT-VALUE}.")
    Mode mode = Mode.FAIL;

    @Option(
            names = "--columns",
            split = ",",
            paramLabel = "NAME",
            description = "Columns of the input that pass through to the output, with commas between. Default: all.")
    List<String> columns = new ArrayList<>();

    @Option(names = "--limit", paramLabel = "N", description = "Work on N rows only.")
    @Nullable
    Integer limit;

    @Option(
            names = "--conf",
            paramLabel = "KEY=VALUE",
            description = "Spark configuration of this run's session, as with spark-submit. Repeatable.")
    Map<String, String> conf = new LinkedHashMap<>();
}
