package org.sparkqwen.job.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.cli.report.PlanReport;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.plan.Cluster;
import org.sparkqwen.job.plan.RunSimulation;
import org.sparkqwen.job.plan.Workload;
import org.sparkqwen.job.progress.SpeedProbe;
import org.sparkqwen.job.run.RunForecast;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// The options with which `inspect` predicts a run of `score` on a cluster. The rows and the speed are those that a dry
/// run finds on this machine.
final class PlanOptions {
    private static final List<String> OF_PLANS = List.of(
            "--input",
            "--input-format",
            "--text-column",
            "--hosts",
            "--cores",
            "--executors-per-host",
            "--bandwidth",
            "--losses-per-hour",
            "--cost-per-hour",
            "--model-distribution");

    private static final long SEED = 1;

    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec command;

    @Option(
            names = "--plan",
            description = "inspect predicts a run of score on a cluster in place of describing the model: time, ends of"
                    + " intervals, cost and the driver's memory. It samples the rows of --input and measures the speed"
                    + " here for half a minute, as score --dry-run does, and then simulates the cluster. Its cores are"
                    + " taken to be like those of this machine.")
    private boolean plan;

    @Option(names = "--input", paramLabel = "PATH", description = "With --plan, the run reads these files, as score.")
    private List<String> inputs = new ArrayList<>();

    @Option(
            names = "--input-format",
            paramLabel = "FORMAT",
            defaultValue = "parquet",
            description = "With --plan, the files have this format. Default: ${DEFAULT-VALUE}.")
    private String inputFormat = "parquet";

    @Option(
            names = "--text-column",
            paramLabel = "NAME",
            defaultValue = "text",
            description = "With --plan, this column holds the documents. Default: ${DEFAULT-VALUE}.")
    private String textColumn = "text";

    @Option(
            names = "--hosts",
            paramLabel = "N",
            defaultValue = "1",
            description = "With --plan, the cluster has N hosts. Default: ${DEFAULT-VALUE}.")
    private int hosts = 1;

    @Option(
            names = "--cores",
            paramLabel = "N",
            description = "With --plan, each host has N cores. Default: as many as this machine.")
    private @Nullable Integer cores;

    @Option(
            names = "--executors-per-host",
            paramLabel = "N",
            defaultValue = "1",
            description = "With --plan, N executors share the cores of a host. Default: ${DEFAULT-VALUE}.")
    private int executorsPerHost = 1;

    @Option(
            names = "--bandwidth",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            defaultValue = "1g",
            description = "With --plan, each host sends and receives this many bytes a second, for the model, the input"
                    + " and the output. 1g is a network of 10 gigabits. Default: ${DEFAULT-VALUE}.")
    private long bandwidth = 1L << 30;

    @Option(
            names = "--losses-per-hour",
            paramLabel = "N",
            defaultValue = "0",
            description = "With --plan, N executors of the cluster are lost in an hour, such as those of hosts that are"
                    + " taken back. Default: ${DEFAULT-VALUE}.")
    private double losses;

    @Option(
            names = "--cost-per-hour",
            paramLabel = "PRICE",
            description =
                    "With --plan, a host costs this much an hour, in any currency. Default: the plan has no cost.")
    private @Nullable Double cost;

    @Option(
            names = "--model-distribution",
            paramLabel = "HOW",
            defaultValue = "auto",
            description = "With --plan, hosts get the model in this way: shared, fetch or broadcast, as for score. auto"
                    + " takes fetch for a URI, and broadcast otherwise. Default: ${DEFAULT-VALUE}.")
    private ModelDistribution distribution = ModelDistribution.AUTO;

    /// Returns whether a plan is asked for.
    ///
    /// @throws Refusal if options of a plan are given without it, or if it has no input
    boolean isAsked() {
        for (String option : OF_PLANS) {
            if (!plan && command.commandLine().getParseResult().hasMatchedOption(option)) {
                throw Refusal.usage("%s is for --plan; leave it out, or give both".formatted(option));
            }
        }
        if (plan && inputs.isEmpty()) {
            throw Refusal.usage("--plan needs --input, whose rows it samples");
        }
        return plan;
    }

    /// Predicts a run, and prints the plan.
    ///
    /// @param others further options of `score`, such as the model
    /// @param isRemote whether the model lies elsewhere than on this machine
    void print(List<String> others, boolean isRemote, Map<String, String> conf) {
        Cluster cluster = cluster();
        List<String> arguments = new ArrayList<>(others);
        inputs.forEach(input -> arguments.addAll(List.of("--input", input)));
        arguments.addAll(List.of("--input-format", inputFormat, "--text-column", textColumn, "--dry-run"));
        arguments.addAll(List.of("--output", nowhere()));
        conf.forEach((key, value) -> arguments.addAll(List.of("--conf", key + "=" + value)));
        ScoreCommand score = new ScoreCommand();
        new CommandLine(score).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments.toArray(String[]::new));
        score.call((forecast, model, _, _) -> show(forecast, model, isRemote, cluster));
    }

    private Cluster cluster() {
        try {
            int coresOfHost = cores == null ? Runtime.getRuntime().availableProcessors() : cores;
            return new Cluster(hosts, executorsPerHost, coresOfHost, (double) bandwidth, Cluster.USUAL_SPREAD, losses);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--plan: " + e.getMessage());
        }
    }

    /// Returns a path that does not exist, because a forecast writes nothing.
    private static String nowhere() {
        return Path.of(System.getProperty("java.io.tmpdir"), "spark-qwen-plan-" + UUID.randomUUID())
                .toString();
    }

    private void show(RunForecast forecast, ModelReference model, boolean isRemote, Cluster cluster) {
        Workload work = work(forecast, model, isRemote);
        PlanReport lines = new PlanReport(forecast, work, cluster, course(work, cluster));
        Report report = new Report(System.out);
        report.title(lines.title());
        report.lines(lines.lines(cost));
    }

    private static RunSimulation.Course course(Workload work, Cluster cluster) {
        try {
            return RunSimulation.of(work, cluster, SEED);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage("--plan: " + e.getMessage());
        }
    }

    private Workload work(RunForecast forecast, ModelReference model, boolean isRemote) {
        SpeedProbe.Speed measured = forecast.speed();
        double speed = measured == null ? 0 : measured.tokensPerSecond();
        try {
            return new Workload(
                    forecast.files(),
                    forecast.bytes(),
                    forecast.rows(),
                    forecast.sample().meanGiven(),
                    forecast.sample().deviation(),
                    speed / forecast.cores(),
                    model.weightBytes(),
                    distribution(isRemote));
        } catch (IllegalArgumentException e) {
            throw Refusal.failure("--plan: " + e.getMessage());
        }
    }

    private Workload.Distribution distribution(boolean isRemote) {
        return switch (distribution) {
            case SHARED -> Workload.Distribution.SHARED;
            case FETCH -> Workload.Distribution.FETCH;
            case BROADCAST -> Workload.Distribution.BROADCAST;
            case AUTO ->
                hosts == 1
                        ? Workload.Distribution.SHARED
                        : isRemote ? Workload.Distribution.FETCH : Workload.Distribution.BROADCAST;
        };
    }
}
