package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;

/// Processes of Spark Connect, with the jars that the build has laid out: a server, or a client. Their libraries shade
/// each other's, so neither class path can be the test's.
public final class ConnectProcess {
    private static final Path JARS = Path.of("target/connect").toAbsolutePath();

    /// The parts of Spark that compute, which a client does not have.
    private static final List<String> COMPUTING = List.of("spark-core_", "spark-sql_", "spark-catalyst_");

    private ConnectProcess() {}

    /// Starts a server on a free port, with our jar, that computes by itself. Its code is not optimized, so a model
    /// needs the scalar kernels.
    ///
    /// @param settings settings of Spark, each `NAME=VALUE`
    public static SparkProcess server(Path log, List<String> settings) {
        return server(log, "local[2]", settings);
    }

    /// Starts a server on a free port, with our jar.
    ///
    /// @param settings settings of Spark, each `NAME=VALUE`
    public static SparkProcess server(Path log, String master, List<String> settings) {
        List<String> options = new ArrayList<>(SparkProcess.UNOPTIMIZED);
        options.addAll(
                List.of("-Dspark.master=" + master, "-Dspark.ui.enabled=false", "-Dspark.connect.grpc.binding.port=0"));
        Stream.concat(SparkProcess.INTERPRETED.stream(), settings.stream())
                .forEach(setting -> options.add("-D" + setting));
        return SparkProcess.start(
                log,
                java(
                        Stream.concat(Stream.of(SparkProcess.JAR), Stream.concat(jars("server"), spark())),
                        options,
                        "org.apache.spark.sql.connect.service.SparkConnectServer"));
    }

    /// Returns the class path that executors of a server need beyond Spark's own: our jar, and Spark Connect, which
    /// Spark's downloads have.
    public static String executorClassPath() {
        return "%s:%s/*".formatted(SparkProcess.JAR, JARS.resolve("server"));
    }

    /// Runs a class of the tests as a client, which needs neither our jar nor the parts of Spark that compute.
    public static SparkProcess client(Path log, String mainClass, String... arguments) {
        Stream<Path> spark =
                spark().filter(jar -> COMPUTING.stream().noneMatch(String.valueOf(jar.getFileName())::startsWith));
        return SparkProcess.start(
                log,
                java(
                        Stream.concat(Stream.of(classes()), Stream.concat(jars("client"), spark)),
                        SparkProcess.UNOPTIMIZED, // it computes nothing
                        mainClass,
                        arguments));
    }

    private static Path classes() {
        return Path.of("target/test-classes").toAbsolutePath();
    }

    private static List<String> java(
            Stream<Path> classPath, List<String> options, String mainClass, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().split("\\s+")));
        command.addAll(options);
        command.addAll(List.of("-cp", classPath.map(Path::toString).collect(Collectors.joining(":")), mainClass));
        command.addAll(Arrays.asList(arguments));
        return command;
    }

    private static Stream<Path> jars(String part) {
        return list(JARS.resolve(part));
    }

    private static Stream<Path> spark() {
        return list(SparkProcess.HOME.resolve("jars"));
    }

    private static Stream<Path> list(Path directory) {
        try {
            return RunFiles.list(directory, "*.jar").stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
