package org.sparkqwen.job.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.s3a.Constants;
import org.apache.hadoop.fs.s3a.commit.CommitConstants;
import org.apache.spark.internal.config.ConfigEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.testing.SparkProcess;

/// The profiles in `conf/`: each line sets an existing key, and has a comment that explains it. The same holds for a
/// key that a comment offers.
class ProfilesTest {
    /// The pattern `spark.key value`, alone or offered behind a comment sign.
    private static final Pattern PROPERTY = Pattern.compile("(?:# )?(spark\\.[\\w.]+)\\s+(\\S.*)");

    private static final Pattern METRICS_PROPERTY =
            Pattern.compile("(?:# )?((?:\\*|driver|executor)\\.(?:sink|source)\\.\\w+\\.(\\w+))=(.+)");

    /// The classes in which Spark declares keys. Each declares its own when it is loaded.
    private static final List<String> DECLARATIONS = List.of(
            "org.apache.spark.internal.config.package$",
            "org.apache.spark.internal.config.UI$",
            "org.apache.spark.internal.config.Network$",
            "org.apache.spark.deploy.k8s.Config$",
            "org.apache.spark.sql.internal.SQLConf$");

    /// The keys that Spark reads and documents, but does not declare.
    private static final Set<String> UNDECLARED = Set.of("spark.local.dir", "spark.master");

    /// The keys that Spark's module for YARN declares, which is no dependency of this build.
    private static final Set<String> OF_YARN =
            Set.of("spark.yarn.archive", "spark.yarn.maxAppAttempts", "spark.yarn.queue");

    /// The keys of resources and volumes, which have a name in the midst, and of variables.
    private static final Pattern NAMED =
            Pattern.compile("spark\\.(worker|executor|driver|task)\\.resource\\.gpu\\.(amount|discoveryScript|vendor)"
                    + "|spark\\.(executorEnv|yarn\\.appMasterEnv)\\.[A-Z_]+"
                    + "|spark\\.kubernetes\\.(driver|executor)\\.volumes\\.(persistentVolumeClaim|hostPath)\\.[a-z]+"
                    + "\\.(mount\\.path|mount\\.readOnly|options\\.claimName|options\\.path)");

    private static final Set<String> HADOOP = hadoop();

    static List<Path> profiles() throws IOException {
        try (Stream<Path> files = Files.list(SparkProcess.CONF)) {
            return files.filter(file -> file.toString().endsWith(".conf"))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void thereAreProfilesForOneMachineAndForACluster() throws IOException {
        assertThat(profiles())
                .extracting(file -> file.getFileName().toString())
                .contains("local.conf", "standalone.conf", "gpu.conf", "kubernetes.conf", "yarn.conf");
    }

    @ParameterizedTest
    @MethodSource("profiles")
    void everyKeyIsOneThatSparkOrHadoopKnows(Path profile) throws Exception {
        for (String declarations : DECLARATIONS) {
            Class.forName(declarations);
        }
        Set<String> unknown = new TreeSet<>();
        List<String> keys = keys(profile, PROPERTY);
        for (String key : keys) {
            if (!isKnown(key)) {
                unknown.add(key);
            }
        }
        assertThat(keys).hasSizeGreaterThan(5);
        assertThat(unknown).isEmpty();
        assertThat(isKnown("spark.executor.memoryOverheads")).isFalse();
        assertThat(isKnown("spark.hadoop.fs.s3a.endpoints")).isFalse();
    }

    private static boolean isKnown(String key) {
        return key.startsWith("spark.hadoop.")
                ? HADOOP.contains(key.substring("spark.hadoop.".length()))
                : ConfigEntry.findEntry(key) != null
                        || UNDECLARED.contains(key)
                        || OF_YARN.contains(key)
                        || NAMED.matcher(key).matches();
    }

    /// Returns all keys that have a default, and those that the S3 client declares.
    private static Set<String> hadoop() {
        Configuration hadoop = new Configuration();
        hadoop.addResource("mapred-default.xml");
        Set<String> keys = new TreeSet<>();
        hadoop.forEach(entry -> keys.add(entry.getKey()));
        for (Class<?> declaring : List.of(Constants.class, CommitConstants.class)) {
            for (Field field : declaring.getFields()) {
                try {
                    keys.add(String.valueOf(field.get(null)));
                } catch (IllegalAccessException e) {
                    throw new AssertionError(e);
                }
            }
        }
        return keys;
    }

    @ParameterizedTest
    @MethodSource("profiles")
    void everyKeyHasACommentAboveIt(Path profile) throws IOException {
        assertThat(unexplained(profile, PROPERTY)).isEmpty();
    }

    @Test
    void everyLineOfTheMetricsNamesAClassOrAnOptionAndIsExplained() throws Exception {
        Path metrics = SparkProcess.CONF.resolve("metrics.properties");
        assertThat(unexplained(metrics, METRICS_PROPERTY)).isEmpty();
        int classes = 0;
        for (String line : Files.readAllLines(metrics)) {
            Matcher property = METRICS_PROPERTY.matcher(line);
            if (property.matches() && property.group(2).equals("class")) {
                assertThat(Class.forName(property.group(3))).isPublic();
                classes++;
            } else if (!line.startsWith("#") && !line.isEmpty()) {
                assertThat(line).matches(METRICS_PROPERTY);
            }
        }
        assertThat(classes).isEqualTo(4);
    }

    /// The comments of metrics.properties list exactly the metrics that exist.
    @Test
    void theMetricsThatAreExplainedAreThoseThatThereAre() throws IOException {
        Set<String> explained = new TreeSet<>();
        Pattern names = Pattern.compile("#   ([a-z]+[a-z., ]*?)  +[a-z].*");
        for (String line : Files.readAllLines(SparkProcess.CONF.resolve("metrics.properties"))) {
            Matcher matcher = names.matcher(line);
            if (matcher.matches()) {
                String first = "";
                for (String name : matcher.group(1).split(", ", -1)) {
                    explained.add(name.startsWith(".") ? first.substring(0, first.lastIndexOf('.')) + name : name);
                    first = name.startsWith(".") ? first : name;
                }
            }
        }
        Set<String> published = new TreeSet<>(EngineMeters.counted());
        published.addAll(EngineMeters.inWork());
        assertThat(explained).isEqualTo(published);
    }

    /// The values in sizing rules are those of the code.
    @ParameterizedTest
    @ValueSource(strings = {"--batch-tokens 2048", "--max-sequences 64"})
    void theRulesNameTheDefaults(String option) throws IOException {
        for (String profile : List.of("standalone.conf", "kubernetes.conf", "yarn.conf")) {
            assertThat(Files.readString(SparkProcess.CONF.resolve(profile))).contains(option);
        }
        assertThat(List.of(
                        "--batch-tokens " + ExecutorOptions.DEFAULT_BATCH_TOKENS,
                        "--max-sequences " + ExecutorOptions.DEFAULT_MAX_SEQUENCES))
                .contains(option);
    }

    private static List<String> keys(Path profile, Pattern property) throws IOException {
        return Files.readAllLines(profile).stream()
                .map(property::matcher)
                .filter(Matcher::matches)
                .map(matcher -> matcher.group(1))
                .toList();
    }

    /// Returns lines that set something and have no comment above them, or above the lines that they follow without
    /// a gap.
    private static List<String> unexplained(Path profile, Pattern property) throws IOException {
        List<String> unexplained = new ArrayList<>();
        boolean explained = false;
        for (String line : Files.readAllLines(profile)) {
            if (property.matcher(line).matches()) {
                if (!explained) {
                    unexplained.add(line);
                }
            } else if (line.startsWith("#")) {
                explained = !line.startsWith("# ---");
            } else {
                assertThat(line).as("a property, a comment, or nothing").isEmpty();
                explained = false;
            }
        }
        return unexplained;
    }
}
