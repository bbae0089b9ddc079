package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;

/// A JVM of the Spark that the build has laid out: a master, a worker, or a spark-submit. Its output goes to a file.
public final class SparkProcess implements AutoCloseable {
    public static final Path HOME = Path.of("target/spark").toAbsolutePath();
    public static final Path CONF = Path.of("../conf").toAbsolutePath().normalize();
    public static final Path JAR = Path.of("target/spark-qwen.jar").toAbsolutePath();

    /// The options of a JVM whose code is not worth an optimizing compiler's time.
    public static final List<String> UNOPTIMIZED = List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC");

    /// The settings with which Spark interprets plans. Compiling code for some rows takes longer.
    static final List<String> INTERPRETED =
            List.of("spark.sql.codegen.wholeStage=false", "spark.sql.codegen.factoryMode=NO_CODEGEN");

    /// The exit value of a process that SIGKILL ended.
    private static final int KILLED = 128 + 9;

    private final Process process;
    private final Path log;

    private SparkProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
    }

    public static SparkProcess master(Path logs) {
        return start(
                logs.resolve("master.log"),
                java(
                        quickOptions(),
                        "org.apache.spark.deploy.master.Master",
                        "--host",
                        "localhost",
                        "--port",
                        "0",
                        "--webui-port",
                        "0"));
    }

    public static SparkProcess worker(Path logs, int number, String master) {
        return worker(logs, number, master, Map.of());
    }

    public static SparkProcess worker(Path logs, int number, String master, Map<String, String> environment) {
        return worker(logs, number, master, environment, 1, List.of());
    }

    /// @param environment variables of the worker, and so of its executors, in addition to this process's
    /// @param options options of the worker's JVM, such as `-Dspark.worker.resource.gpu.amount=2`
    public static SparkProcess worker(
            Path logs, int number, String master, Map<String, String> environment, int cores, List<String> options) {
        return start(
                logs.resolve("worker-%d.log".formatted(number)),
                environment,
                java(
                        Stream.concat(quickOptions().stream(), options.stream()).toList(),
                        "org.apache.spark.deploy.worker.Worker",
                        "--host",
                        "localhost",
                        "--port",
                        "0",
                        "--webui-port",
                        "0",
                        "--cores",
                        Integer.toString(cores),
                        "--memory",
                        "2g",
                        "--work-dir",
                        logs.resolve("work-" + number).toString(),
                        master));
    }

    /// Submits the job's jar in client mode and waits for its end.
    public static CommandRun submit(Path logs, String master, List<String> sparkOptions, String... arguments) {
        try (SparkProcess submit = startSubmit(logs, master, sparkOptions, arguments)) {
            return new CommandRun(submit.awaitEnd(), submit.output(), submit.output());
        }
    }

    /// Submits the job's jar in client mode and leaves it running.
    ///
    /// @param environment variables in addition to this process's
    public static SparkProcess startSubmit(
            Path logs, String master, Map<String, String> environment, List<String> sparkOptions, String... arguments) {
        return start(logs.resolve("submit.log"), environment, submitCommand(master, sparkOptions, arguments));
    }

    /// Submits the job's jar in client mode and leaves it running.
    public static SparkProcess startSubmit(Path logs, String master, List<String> sparkOptions, String... arguments) {
        Path log = logs.resolve("submit.log");
        return start(log, submitCommand(master, sparkOptions, arguments));
    }

    /// Returns the command that submits the job's jar in client mode, with the profile that users have for such a
    /// master.
    public static List<String> submitCommand(String master, List<String> sparkOptions, String... arguments) {
        // Only the vector kernels need the optimizing compiler, which takes most of the processor time of a short run.
        boolean isUnoptimized =
                arguments[0].equals("tokenize") || List.of(arguments).contains("scalar");
        List<String> jvmOptions = isUnoptimized ? quickOptions() : ClassDataArchive.options();
        List<String> options = new ArrayList<>();
        if (!jvmOptions.isEmpty()) {
            options.addAll(List.of("--conf", "spark.executor.extraJavaOptions=" + String.join(" ", jvmOptions)));
        }
        options.addAll(sparkOptions);
        return submitCommand(jvmOptions, master, options, arguments);
    }

    /// @param jvmOptions options of the driver's JVM
    static List<String> submitCommand(
            List<String> jvmOptions, String master, List<String> sparkOptions, String... arguments) {
        List<String> options = new ArrayList<>(List.of("--master", master, "--class", "org.sparkqwen.job.cli.Main"));
        Path profile = CONF.resolve(
                master.startsWith("local[") ? "local.conf" : master.equals("yarn") ? "yarn.conf" : "standalone.conf");
        options.addAll(List.of("--properties-file", profile.toString()));
        if (master.startsWith("local-cluster[")) {
            options.addAll(List.of("--conf", "spark.executor.memory=1g")); // all that its workers have
        }
        options.addAll(List.of("--driver-memory", "1g", "--conf", "spark.ui.enabled=false"));
        options.addAll(List.of("--conf", "spark.log.level=WARN"));
        INTERPRETED.forEach(setting -> options.addAll(List.of("--conf", setting)));
        options.addAll(sparkOptions);
        options.add(JAR.toString());
        options.addAll(Arrays.asList(arguments));
        return java(jvmOptions, "org.apache.spark.deploy.SparkSubmit", options.toArray(String[]::new));
    }

    /// Returns the options of a JVM that starts quickly, and whose code is not worth optimizing.
    public static List<String> quickOptions() {
        return Stream.concat(ClassDataArchive.options().stream(), UNOPTIMIZED.stream())
                .toList();
    }

    /// Returns a command with the class path that Spark gives its executors, so that one archive serves all.
    private static List<String> java(List<String> jvmOptions, String mainClass, String... arguments) {
        Path jars = HOME.resolve("jars");
        List<Path> slf4j;
        try {
            slf4j = RunFiles.list(jars, "slf4j-api-*.jar");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().split("\\s+")));
        command.addAll(jvmOptions);
        command.addAll(List.of("-cp", HOME.resolve("conf") + "/:" + slf4j.getFirst() + ":" + jars + "/*", mainClass));
        command.addAll(List.of(arguments));
        return command;
    }

    /// Starts a driver in local mode, with the logs and the signals of a command in a shell. Its code is not
    /// optimized, so a model needs the scalar kernels.
    ///
    /// @param sparkOptions options of `spark-submit`
    public static SparkProcess startLocalDriver(Path log, List<String> sparkOptions, String... arguments) {
        // A test in the background may have been started with SIGINT ignored, which every child inherits.
        List<String> command = new ArrayList<>(List.of("env", "--default-signal=INT"));
        List<String> jvmOptions = new ArrayList<>(quickOptions());
        jvmOptions.addAll(List.of("-Xmx1g", "-Dlog4j2.configurationFile=file:" + CONF.resolve("log4j2.properties")));
        List<String> options =
                new ArrayList<>(List.of("--master", "local[2]", "--class", "org.sparkqwen.job.cli.Main"));
        INTERPRETED.forEach(setting -> options.addAll(List.of("--conf", setting)));
        options.addAll(sparkOptions);
        options.add(JAR.toString());
        options.addAll(Arrays.asList(arguments));
        command.addAll(java(jvmOptions, "org.apache.spark.deploy.SparkSubmit", options.toArray(String[]::new)));
        return start(log, command);
    }

    /// Starts a process in Spark's environment.
    public static SparkProcess start(Path log, List<String> command) {
        return start(log, Map.of(), command);
    }

    /// Starts a process in Spark's environment.
    ///
    /// @param environment variables that take precedence over Spark's
    static SparkProcess start(Path log, Map<String, String> environment, List<String> command) {
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().put("SPARK_HOME", HOME.toString());
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        // Without this variable a worker cannot name the jars of its executors.
        builder.environment().put("SPARK_SCALA_VERSION", "2.13");
        builder.environment().putAll(environment);
        try {
            return new SparkProcess(builder.start(), log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public String output() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Waits until the output has `pattern`; returns its first group.
    public String await(String pattern) {
        Instant deadline = Instant.now().plus(Duration.ofMinutes(1));
        Pattern compiled = Pattern.compile(pattern);
        while (Instant.now().isBefore(deadline) && process.isAlive()) {
            Matcher matcher = compiled.matcher(output());
            if (matcher.find()) {
                return matcher.group(1);
            }
            sleep(100);
        }
        throw new AssertionError("no '%s' in:%n%s".formatted(pattern, output()));
    }

    public static void sleep(int milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /// Kills an executor of this worker, as `kill -9` does.
    ///
    /// @return whether there was one
    public boolean killExecutor() {
        return executors().stream()
                .findFirst()
                .map(ProcessHandle::destroyForcibly)
                .orElse(false);
    }

    /// Returns the executors of this worker that are running.
    public List<ProcessHandle> executors() {
        return process.descendants()
                .filter(child -> child.info().commandLine().orElse("").contains("CoarseGrainedExecutorBackend"))
                .toList();
    }

    /// Waits until the process ends by itself.
    ///
    /// @return its exit value
    public int awaitEnd() {
        try {
            if (!process.waitFor(5, TimeUnit.MINUTES)) {
                throw new AssertionError("the process did not end:\n" + output());
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /// Kills this process, as `kill -9` does, but not those it started.
    ///
    /// @return false if it had ended before
    public boolean kill() {
        process.destroyForcibly();
        try {
            return process.waitFor() == KILLED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /// Sends a signal, as `kill` does, and waits for the end.
    ///
    /// @return the exit value
    public int signal(String name) {
        signal(process.toHandle(), name);
        return awaitEnd();
    }

    /// Sends a signal to any process, as `kill` does.
    public static void signal(ProcessHandle process, String name) {
        try {
            new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                    .start()
                    .waitFor();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
