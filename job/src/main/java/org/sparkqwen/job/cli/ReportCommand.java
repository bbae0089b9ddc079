package org.sparkqwen.job.cli;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.fs.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Console;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.page.RunReport;
import org.sparkqwen.job.run.CommandSession;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.storage.OutputLayout;
import org.sparkqwen.job.storage.TextFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "report",
        sortOptions = false,
        description = {
            "Draws a finished run of score or generate as one HTML page: distributions, charts and examples. The page"
                    + " has no scripts and needs no other file.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  ./spark-qwen report /tmp/scores --by condition",
            "  ./spark-qwen report /tmp/scores --compare /tmp/other-scores --output /tmp/comparison.html"
        })
final class ReportCommand implements Callable<Integer> {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "RUN", description = "The report is of this run: its --output.")
    private String run = "";

    @Option(
            names = "--by",
            paramLabel = "NAME",
            description = "The documents are compared by the values of this column, such as their source. The 12 most"
                    + " frequent values have a chart each.")
    private @Nullable String by;

    @Option(
            names = "--compare",
            paramLabel = "OTHER",
            description = "The report compares the run with this one, over the same documents: which of them the other"
                    + " model foresees better. Both are runs of score.")
    private @Nullable String compare;

    @Option(
            names = "--key",
            paramLabel = "NAME",
            defaultValue = "id",
            description = "With --compare, this column names each document in both runs. Default: ${DEFAULT-VALUE}.")
    private String key = "id";

    @Option(
            names = "--output",
            paramLabel = "FILE",
            description = "The page is written to this file. Default: " + OutputLayout.REPORT + " in RUN.")
    private @Nullable String output;

    @Option(
            names = "--conf",
            paramLabel = "KEY=VALUE",
            description = "Spark's session gets this configuration, as with spark-submit. You may repeat the option.")
    private Map<String, String> conf = new LinkedHashMap<>();

    @Override
    public Integer call() {
        if (compare != null && by != null) {
            throw Refusal.usage("give either --compare or --by");
        }
        if (compare == null && spec.commandLine().getParseResult().hasMatchedOption("--key")) {
            throw Refusal.usage("--key is for --compare");
        }
        List<String> places = compare == null ? List.of(run) : List.of(run, compare);
        InputFormat input = new InputFormat(places, "parquet", Map.of(), false);
        try (CommandSession session =
                CommandSession.start(spec.name(), RunSettings.of(input, run).withConf(conf))) {
            String page = compare == null
                    ? RunReport.of(session.spark(), run, by)
                    : RunReport.comparing(session.spark(), run, compare, key);
            Path file = output == null ? new Path(run, OutputLayout.REPORT) : new Path(output);
            TextFile.write(file, page, session.spark().sessionState().newHadoopConf());
            int bytes = page.getBytes(StandardCharsets.UTF_8).length;
            new Console(System.out).printf("report  %s, %,d kB%n", file, (bytes + 1023) / 1024);
        }
        return 0;
    }
}
