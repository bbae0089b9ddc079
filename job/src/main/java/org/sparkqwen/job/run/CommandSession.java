package org.sparkqwen.job.run;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.Utils;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.metrics.MetricsPlugin;
import org.sparkqwen.job.spark.LocalMode;
import org.sparkqwen.job.spark.SessionSettings;
import org.sparkqwen.job.storage.S3Settings;
import scala.Option;
import scala.Tuple2;

/// The Spark session in which a command works: one of its own, which ends with the command, or one that this JVM has
/// already. Such a session stays open, and at the end it has the settings that it had before.
public final class CommandSession implements AutoCloseable {
    /// The settings that a session cannot change once it is open.
    private static final Pattern OF_CLUSTER = Pattern.compile("spark\\.(master|executor\\.|task\\.|driver\\.)");

    private final SparkSession spark;
    private final @Nullable SessionSettings before;

    /// @param before the settings of a session that was open already; null for a session of the command's own
    private CommandSession(SparkSession spark, @Nullable SessionSettings before) {
        this.spark = spark;
        this.before = before;
    }

    /// Starts a session, or takes the one that is open.
    ///
    /// @param name the command's name
    /// @throws Refusal if Spark cannot write where it keeps temporary files, or would start no task
    public static CommandSession start(String name, RunSettings settings) {
        SparkConf conf = configuration(settings);
        refuseUnwritable(Utils.getConfiguredLocalDirs(conf));
        refuseResourcesOfLocalTasks(conf);
        SparkSession open = open();
        SessionSettings before = open == null ? null : SessionSettings.of(open);
        SparkSession spark = SparkSession.builder()
                .appName("spark-qwen " + name)
                .config(conf)
                .getOrCreate();
        return new CommandSession(spark, before);
    }

    public SparkSession spark() {
        return spark;
    }

    /// Returns whether the session ends with the command.
    boolean isOwn() {
        return before == null;
    }

    /// Refuses local directories that cannot be written to, because Spark would end the JVM with exit code 53 and
    /// without a message.
    private static void refuseUnwritable(String[] localDirectories) {
        String reason = "";
        for (String directory : localDirectories) {
            try {
                java.nio.file.Path parent = Files.createDirectories(java.nio.file.Path.of(directory));
                Files.delete(Files.createTempDirectory(parent, "spark-qwen-"));
                return;
            } catch (IOException | InvalidPathException e) {
                reason = e instanceof AccessDeniedException ? "permission denied" : Failures.firstLine(e);
            }
        }
        throw Refusal.usage(("Spark cannot write to %s, where it keeps temporary files (%s); set --conf spark.local.dir"
                        + " or SPARK_LOCAL_DIRS to a directory that it can write to")
                .formatted(Quote.of(String.join(", ", localDirectories)), Quote.line(reason)));
    }

    /// Refuses resources of tasks, such as GPUs, in local mode. Spark has none to give there, and waits for ever.
    private static void refuseResourcesOfLocalTasks(SparkConf conf) {
        if (!LocalMode.isIn(conf)) {
            return;
        }
        for (Tuple2<String, String> setting : conf.getAllWithPrefix("spark.task.resource.")) {
            if (setting._1().endsWith(".amount")) {
                throw Refusal.usage(("in local mode, as in a dry run without --probe, no task would start with"
                                + " spark.task.resource.%s; leave it out")
                        .formatted(setting._1()));
            }
        }
    }

    /// Returns [#configuration] with the cluster and the executors of the session that this JVM has already, if it
    /// has one.
    public static SparkConf effective(RunSettings settings) {
        SparkConf conf = configuration(settings);
        SparkSession open = open();
        if (open != null) {
            for (Tuple2<String, String> setting : open.sparkContext().conf().getAll()) {
                if (OF_CLUSTER.matcher(setting._1()).lookingAt()) {
                    conf.set(setting._1(), setting._2());
                }
            }
        }
        return conf;
    }

    /// Returns the session that this JVM has already; null if it has none.
    private static @Nullable SparkSession open() {
        Option<SparkSession> active = SparkSession.getActiveSession();
        Option<SparkSession> open = active.isDefined() ? active : SparkSession.getDefaultSession();
        return open.isEmpty() || open.get().sparkContext().isStopped() ? null : open.get();
    }

    /// Returns Spark's configuration: what was submitted, what `--conf` says, and our own defaults.
    public static SparkConf configuration(RunSettings settings) {
        SparkConf conf = new SparkConf();
        settings.conf().forEach(conf::set);
        conf.setIfMissing("spark.master", "local[*]");
        // Progress comes with heartbeats, and the default of ten seconds is long for a bar that stands still.
        conf.setIfMissing("spark.executor.heartbeatInterval", "2s");
        // Local runs need no UI, and must not compete for its port.
        if (LocalMode.isIn(conf)) {
            conf.setIfMissing("spark.ui.enabled", "false");
            // Names of metrics begin with it, and those of a local executor are registered before it has the
            // application's id.
            conf.setIfMissing("spark.metrics.namespace", "spark-qwen");
        }
        SafeOptions.extendRedaction(conf, settings);
        S3Settings.complete(
                conf,
                new Path(
                        settings.output().isEmpty()
                                ? conf.get("spark.sql.warehouse.dir", "spark-warehouse")
                                : settings.output()));
        conf.set(MetricsPlugin.PLUGINS, MetricsPlugin.among(conf.get(MetricsPlugin.PLUGINS, "")));
        return conf;
    }

    @Override
    public void close() {
        if (before == null) {
            spark.stop();
        } else {
            before.restore();
        }
    }
}
