package org.sparkqwen.job.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.spark.SparkConf;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.ScoreJob;
import org.sparkqwen.job.cli.report.PlanReport;
import org.sparkqwen.job.cli.report.Report;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.model.ModelDistribution;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.plan.Cluster;
import org.sparkqwen.job.plan.RunSimulation;
import org.sparkqwen.job.plan.Workload;
import org.sparkqwen.job.progress.SpeedProbe;
import org.sparkqwen.job.run.CommandSession;
import org.sparkqwen.job.run.JobRun;
import org.sparkqwen.job.run.RunForecast;
import org.sparkqwen.job.run.RunIdentity;
import org.sparkqwen.job.run.RunSettings;
import org.sparkqwen.job.storage.ModelLocation;
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

    /// Predicts a run with the default options of `score`, and prints the plan.
    ///
    /// @param choice the model
    /// @param reference the reference model; null for none
    /// @param conf the configuration of Spark with which the input and the models are read
    void print(ModelChoice choice, @Nullable ModelChoice reference, Map<String, String> conf) {
        Cluster cluster = cluster();
        InputFormat input = InputFormat.of(inputFormat, inputs.toArray(String[]::new));
        RunSettings settings = RunSettings.of(input, nowhere()).withConf(RunOptions.ofThisMachine(conf));
        SparkConf opened = CommandSession.effective(settings);
        ModelReference model = choice.open(opened);
        ContentColumn text = ContentOptions.column(model, textColumn, null, SpecialTokens.TEXT, textColumn);
        ScoreJob job = new ScoreJob(model, ScoreJob.Settings.of(model, text));
        List<String> warnings = new ArrayList<>(model.warnings());
        if (reference != null) {
            ModelReference other = Refusal.about(
                    "--reference-model", () -> reference.on(model.device()).open(opened));
            job = ScoreCommand.withReference(job, other);
            warnings.addAll(other.warnings());
        }
        try (JobRun run = JobRun.start(job.name(), settings)) {
            run.warnings().addAll(warnings);
            RunIdentity any = new RunIdentity(Map.of()); // there is no output with which it would be compared
            show(run.forecast(any, job, null), model, choice.location() instanceof ModelLocation.Remote, cluster);
        }
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
