package org.sparkqwen.job.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.util.Utils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.testing.SparkProcess;

/// The image and the applications for Kubernetes in `conf/`: they say what `conf/kubernetes.conf` says, and name files
/// that exist.
class KubernetesFilesTest {
    private static final Path ROOT =
            SparkProcess.CONF.resolveSibling("").toAbsolutePath().normalize();

    /// The fields that were compared with the operators' published schemas, each with the type that it has there. A
    /// field that is added to a file has to be compared, too: `kubectl apply --dry-run=server` does it on a
    /// cluster.
    ///
    /// The schemas are those of the operators' custom resources: Kubeflow's of August 2026 (after 2.5.2), and
    /// Apache's of August 2026 (1.1.0-SNAPSHOT).
    private static final Map<String, String> PUBLISHED = Map.of("kubeflow.yaml", """
        apiVersion string
        kind string
        metadata.name string
        spec.arguments string
        spec.driver.cores integer
        spec.driver.memory string
        spec.driver.memoryOverhead string
        spec.driver.serviceAccount string
        spec.driver.volumeMounts.mountPath string
        spec.driver.volumeMounts.name string
        spec.driver.volumeMounts.readOnly boolean
        spec.executor.coreLimit string
        spec.executor.cores integer
        spec.executor.instances integer
        spec.executor.memory string
        spec.executor.memoryOverhead string
        spec.executor.volumeMounts.mountPath string
        spec.executor.volumeMounts.name string
        spec.executor.volumeMounts.readOnly boolean
        spec.image string
        spec.mainApplicationFile string
        spec.mainClass string
        spec.mode string
        spec.restartPolicy.onFailureRetries integer
        spec.restartPolicy.onFailureRetryInterval integer
        spec.restartPolicy.onSubmissionFailureRetries integer
        spec.restartPolicy.onSubmissionFailureRetryInterval integer
        spec.restartPolicy.type string
        spec.sparkConf string
        spec.sparkVersion string
        spec.type string
        spec.volumes.name string
        spec.volumes.persistentVolumeClaim.claimName string
        spec.volumes.persistentVolumeClaim.readOnly boolean
        """, "apache.yaml", """
        apiVersion string
        kind string
        metadata.name string
        spec.applicationTolerations.restartConfig.maxRestartAttempts integer
        spec.applicationTolerations.restartConfig.restartPolicy string
        spec.deploymentMode string
        spec.driverArgs string
        spec.jars string
        spec.mainClass string
        spec.runtimeVersions.jdkVersion string
        spec.runtimeVersions.scalaVersion string
        spec.runtimeVersions.sparkVersion string
        spec.sparkConf string
        """);

    private static JsonNode application(String file) throws IOException {
        return new YAMLMapper()
                .readTree(SparkProcess.CONF.resolve("kubernetes").resolve(file).toFile());
    }

    private static Map<String, String> profile() {
        Map<String, String> settings = new TreeMap<>();
        Utils.getPropertiesFromFile(SparkProcess.CONF.resolve("kubernetes.conf").toString())
                .foreach(entry -> settings.put(entry._1, entry._2));
        return settings;
    }

    @ParameterizedTest
    @ValueSource(strings = {"kubeflow.yaml", "apache.yaml"})
    void everyFieldIsOneOfThePublishedSchema(String file) throws IOException {
        Set<String> fields = new TreeSet<>();
        collect(application(file), "", fields);
        assertThat(String.join("\n", fields) + "\n").isEqualTo(PUBLISHED.get(file));
    }

    /// Collects each path to a value, with the type of the value. A map of settings is one field.
    private static void collect(JsonNode node, String path, Set<String> fields) {
        if (node.isArray() || path.equals("spec.sparkConf")) {
            node.forEach(element -> collect(element, path.equals("spec.sparkConf") ? "spec.sparkConf." : path, fields));
        } else if (node.isObject()) {
            node.properties()
                    .forEach(field -> collect(
                            field.getValue(), path.isEmpty() ? field.getKey() : path + "." + field.getKey(), fields));
        } else {
            String type = node.isTextual() ? "string" : node.isIntegralNumber() ? "integer" : "boolean";
            fields.add((path.endsWith(".") ? path.substring(0, path.length() - 1) : path) + " " + type);
        }
    }

    @Test
    void apachesOperatorGetsTheSettingsOfTheProfile() throws IOException {
        assertThat(settings(application("apache.yaml"))).isEqualTo(profile());
    }

    @Test
    void kubeflowsOperatorGetsTheSettingsOfTheProfile() throws IOException {
        JsonNode spec = application("kubeflow.yaml").get("spec");
        Map<String, String> all = settings(application("kubeflow.yaml"));
        all.put("spark.kubernetes.container.image", spec.get("image").asText());
        all.put(
                "spark.kubernetes.authenticate.driver.serviceAccountName",
                spec.at("/driver/serviceAccount").asText());
        all.put("spark.driver.memory", spec.at("/driver/memory").asText());
        all.put("spark.driver.memoryOverhead", spec.at("/driver/memoryOverhead").asText());
        all.put("spark.executor.instances", spec.at("/executor/instances").asText());
        all.put("spark.executor.cores", spec.at("/executor/cores").asText());
        all.put(
                "spark.kubernetes.executor.limit.cores",
                spec.at("/executor/coreLimit").asText());
        all.put("spark.executor.memory", spec.at("/executor/memory").asText());
        all.put(
                "spark.executor.memoryOverhead",
                spec.at("/executor/memoryOverhead").asText());
        for (String process : List.of("driver", "executor")) {
            JsonNode mount = spec.get(process).get("volumeMounts").get(0);
            JsonNode volume = spec.get("volumes").get(0);
            assertThat(mount.get("name")).isEqualTo(volume.get("name"));
            String volumes = "spark.kubernetes.%s.volumes.persistentVolumeClaim.models.".formatted(process);
            all.put(
                    volumes + "options.claimName",
                    volume.at("/persistentVolumeClaim/claimName").asText());
            all.put(volumes + "mount.path", mount.get("mountPath").asText());
            all.put(volumes + "mount.readOnly", mount.get("readOnly").asText());
        }
        assertThat(all).isEqualTo(profile());
    }

    private static Map<String, String> settings(JsonNode application) {
        return application.at("/spec/sparkConf").properties().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, entry -> entry.getValue().asText(), (a, b) -> a, TreeMap::new));
    }

    @Test
    void bothApplicationsRunTheJarOfTheImage() throws Exception {
        JsonNode kubeflow = application("kubeflow.yaml").get("spec");
        JsonNode apache = application("apache.yaml").get("spec");
        assertThat(kubeflow.get("arguments")).isEqualTo(apache.get("driverArgs"));
        assertThat(kubeflow.get("mainClass")).isEqualTo(apache.get("mainClass"));
        assertThat(Class.forName(kubeflow.get("mainClass").asText())).isPublic();
        String jar = kubeflow.get("mainApplicationFile").asText();
        assertThat(apache.get("jars").asText()).isEqualTo(jar);
        assertThat(copies()).anySatisfy(copy -> {
            assertThat(copy).contains("${JAR}");
            assertThat("local://" + copy.getLast()).isEqualTo(jar);
        });
    }

    /// Each path that the image copies exists, and docker sends it to the build.
    @Test
    void theImageCopiesWhatThereIs() throws IOException {
        List<String> sent = Files.readAllLines(SparkProcess.CONF.resolve("docker/Dockerfile.dockerignore")).stream()
                .filter(line -> line.startsWith("!"))
                .map(line -> line.substring(1))
                .toList();
        for (List<String> copy : copies()) {
            for (String source : copy.subList(0, copy.size() - 1)) {
                if (source.equals("${JAR}")) {
                    assertThat(sent).contains("job/target/spark-qwen.jar");
                    continue;
                }
                assertThat(sent).anyMatch(source::startsWith);
                PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + source);
                try (Stream<Path> files = Files.walk(ROOT.resolve(source).getParent(), 1)) {
                    assertThat(files.map(ROOT::relativize)).as(source).anyMatch(matcher::matches);
                }
            }
        }
    }

    /// Returns the operands of each COPY: the sources, and last the destination.
    private static List<List<String>> copies() throws IOException {
        List<List<String>> copies = new ArrayList<>();
        for (String line : Files.readAllLines(SparkProcess.CONF.resolve("docker/Dockerfile"))) {
            if (line.startsWith("COPY ")) {
                copies.add(Stream.of(line.split(" +"))
                        .skip(1)
                        .filter(operand -> !operand.startsWith("--"))
                        .toList());
            }
        }
        assertThat(copies).hasSizeGreaterThan(2);
        return copies;
    }
}
