package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;

/// A YARN cluster of separate processes: Hadoop's ResourceManager and one NodeManager, which ends containers that have
/// more in memory than they have asked for.
///
/// The profile `slow` copies Hadoop's daemons and Spark's module for YARN to `target/yarn`.
public final class YarnCluster implements AutoCloseable {
    private static final Path JARS = Path.of("target/yarn").toAbsolutePath();
    private static final int MEBIBYTES = 6144;

    private final Path directory;
    private final Path conf;
    private final List<SparkProcess> daemons = new ArrayList<>();

    private YarnCluster(Path directory) {
        this.directory = directory;
        conf = directory.resolve("hadoop-conf");
    }

    /// Whether the build has copied the daemons.
    public static boolean exists() {
        return Files.isDirectory(JARS);
    }

    /// Starts a cluster, and waits until its node is registered.
    ///
    /// @param directory for configuration, logs and containers
    @SuppressWarnings("MustBeClosedChecker")
    public static YarnCluster start(Path directory) {
        YarnCluster cluster = new YarnCluster(directory);
        try {
            Files.createDirectories(cluster.conf);
            Files.writeString(cluster.conf.resolve("yarn-site.xml"), cluster.site());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        SparkProcess manager = cluster.daemon("resourcemanager.ResourceManager");
        manager.await("(Transitioned to active state)");
        cluster.daemon("nodemanager.NodeManager");
        manager.await("(registered with capability)");
        return cluster;
    }

    private SparkProcess daemon(String name) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().split("\\s+")));
        command.addAll(SparkProcess.UNOPTIMIZED);
        command.addAll(List.of("-Xmx512m", "-Dorg.apache.logging.log4j.level=INFO"));
        command.addAll(List.of("-cp", conf + ":" + JARS + "/*:" + SparkProcess.HOME.resolve("jars") + "/*"));
        command.add("org.apache.hadoop.yarn.server." + name);
        SparkProcess daemon = SparkProcess.start(directory.resolve(name + ".log"), command);
        daemons.add(daemon);
        return daemon;
    }

    private String site() {
        Map<String, String> settings = new LinkedHashMap<>();
        for (String address : List.of("", "scheduler.", "resource-tracker.", "admin.", "webapp.")) {
            settings.put("yarn.resourcemanager." + address + "address", "localhost:" + freePort());
        }
        for (String address : List.of("", "localizer.", "webapp.")) {
            settings.put("yarn.nodemanager." + address + "address", "localhost:0");
        }
        settings.put("yarn.nodemanager.resource.memory-mb", Integer.toString(MEBIBYTES));
        settings.put("yarn.nodemanager.resource.cpu-vcores", "8");
        settings.put("yarn.scheduler.minimum-allocation-mb", "64");
        settings.put("yarn.scheduler.capacity.root.queues", "default");
        settings.put("yarn.scheduler.capacity.root.default.capacity", "100");
        settings.put("yarn.scheduler.capacity.maximum-am-resource-percent", "1");
        settings.put("yarn.nodemanager.local-dirs", directory.resolve("local").toString());
        settings.put(
                "yarn.nodemanager.log-dirs", directory.resolve("containers").toString());
        settings.put("yarn.nodemanager.delete.debug-delay-sec", "600"); // keeps the logs for the test
        settings.put("yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage", "99.9");
        settings.put("yarn.nodemanager.pmem-check-enabled", "true");
        settings.put("yarn.nodemanager.resource.memory.enforced", "false"); // otherwise only cgroups would limit
        settings.put("yarn.nodemanager.vmem-check-enabled", "false"); // docs/yarn.md says why
        settings.put("yarn.nodemanager.resource-monitor.interval-ms", "500");
        settings.put("hadoop.tmp.dir", directory.resolve("tmp").toString());
        return settings.entrySet().stream()
                .map(each -> "<property><name>%s</name><value>%s</value></property>\n"
                        .formatted(each.getKey(), each.getValue()))
                .collect(Collectors.joining("", "<configuration>\n", "</configuration>\n"));
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Submits the job's jar with the profile for YARN and waits for its end.
    ///
    /// @param settings `key=value` in addition to the profile
    public CommandRun submit(String deployMode, List<String> settings, String... arguments) {
        List<String> options = new ArrayList<>(List.of("--deploy-mode", deployMode));
        for (String setting : Stream.concat(ofThisMachine(), settings.stream()).toList()) {
            options.addAll(List.of("--conf", setting));
        }
        List<String> command = SparkProcess.submitCommand("yarn", options, arguments);
        int classPath = command.indexOf("-cp") + 1;
        command.set(classPath, conf + ":" + JARS + "/*:" + command.get(classPath));
        try (SparkProcess submit = SparkProcess.start(
                directory.resolve("submit.log"), Map.of("HADOOP_CONF_DIR", conf.toString()), command)) {
            return new CommandRun(submit.awaitEnd(), submit.output(), submit.output());
        }
    }

    /// Returns what the profile leaves to the machine: places, and memory for a model of no size.
    private Stream<String> ofThisMachine() {
        String java = System.getProperty("java.home");
        Path cache = directory.resolve("cache");
        return Stream.of(
                "spark.executorEnv.JAVA_HOME=" + java,
                "spark.yarn.appMasterEnv.JAVA_HOME=" + java,
                "spark.executorEnv.SPARK_QWEN_CACHE=" + cache,
                "spark.yarn.appMasterEnv.SPARK_QWEN_CACHE=" + cache,
                "spark.yarn.jars=local:%s/*,local:%s/*".formatted(SparkProcess.HOME.resolve("jars"), JARS),
                "spark.yarn.stagingDir=" + directory.resolve("staging").toUri(),
                "spark.executor.instances=2",
                "spark.executor.cores=1",
                "spark.executor.memory=640m",
                "spark.executor.memoryOverhead=768m");
    }

    /// Returns what all containers have printed.
    public String containerLogs() {
        try (Stream<Path> files = Files.walk(directory.resolve("containers"))) {
            StringBuilder all = new StringBuilder();
            for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
                all.append("== ").append(file).append('\n').append(Files.readString(file));
            }
            return all.toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Returns what the NodeManager has logged.
    public String nodeLog() {
        return daemons.getLast().output();
    }

    @Override
    public void close() {
        daemons.reversed().forEach(SparkProcess::close);
    }
}
