package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.testing.SparkProcess;

/// The single jar for spark-submit holds the engine and what Spark does not ship, and nothing that Spark ships.
class JobJarIT {

    @Test
    void holdsTheEngineTheJobAndTheS3Client() throws IOException {
        assertThat(classes(SparkProcess.JAR))
                .contains(
                        "org/sparkqwen/job/cli/Main.class",
                        "org/sparkqwen/engine/Engine.class",
                        "org/apache/hadoop/fs/s3a/S3AFileSystem.class",
                        "software/amazon/awssdk/services/s3/S3Client.class")
                .noneMatch(name -> name.startsWith("picocli/") || name.startsWith("me/tongfei/"));
    }

    @Test
    void holdsNoClassThatSparkShips() throws IOException {
        Set<String> shipped = new TreeSet<>();
        try (DirectoryStream<Path> jars = Files.newDirectoryStream(SparkProcess.HOME.resolve("jars"), "*.jar")) {
            for (Path jar : jars) {
                shipped.addAll(classes(jar));
            }
        }
        assertThat(shipped).hasSizeGreaterThan(10_000);
        Set<String> twice = classes(SparkProcess.JAR);
        twice.retainAll(shipped);
        assertThat(twice).isEmpty();
    }

    /// The bar draws on a thread that swallows errors, so a class missing from the jar would only show as a missing
    /// bar.
    @Test
    void holdsAllThatTheProgressBarNeeds() throws IOException, ReflectiveOperationException {
        try (URLClassLoader jar =
                new URLClassLoader(new URL[] {SparkProcess.JAR.toUri().toURL()}, null)) {
            Class<?> display = jar.loadClass("org.sparkqwen.shaded.tongfei.progressbar.StringDisplayUtils");
            Method width = display.getDeclaredMethod("getStringDisplayLength", String.class);
            width.setAccessible(true);
            assertThat(width.invoke(null, "score 漢字")).isEqualTo(10);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "META-INF/LICENSE | Apache License",
                "META-INF/NOTICE | Copyright 2026 the spark-qwen authors",
                "META-INF/NOTICE | Apache Lucene",
                "META-INF/NOTICE | Apache HttpClient",
                "META-INF/licenses/progressbar.txt | Copyright (c) 2015--2020 Tongfei Chen",
                "META-INF/licenses/jline.txt | Neither the name of JLine nor the names of its contributors",
                "META-INF/licenses/lucene.txt | Copyright (c) 2001-2009 Anders Moeller",
                "META-INF/licenses/reactive-streams.txt | MIT No Attribution",
                "META-INF/licenses/analytics-accelerator.txt | parquet-format",
                "META-INF/FastDoubleParser-LICENSE | Apache License",
                "META-INF/bigint-LICENSE | Redistribution and use"
            })
    void holdsTheLicencesOfAllThatIsInIt(String entry, String text) throws IOException {
        try (JarFile file = new JarFile(SparkProcess.JAR.toFile());
                InputStream content = file.getInputStream(file.getEntry(entry))) {
            assertThat(new String(content.readAllBytes(), StandardCharsets.UTF_8))
                    .contains(text);
        }
    }

    /// A LICENSE at the root would look like ours, and a dependency has one there.
    @Test
    void theLicenceIsOursAndInOnePlace() throws IOException {
        try (JarFile file = new JarFile(SparkProcess.JAR.toFile());
                InputStream license = file.getInputStream(file.getEntry("META-INF/LICENSE"))) {
            assertThat(license.readAllBytes()).isEqualTo(Files.readAllBytes(Path.of("../LICENSE")));
            assertThat(file.stream().map(entry -> entry.getName()))
                    .noneMatch(name -> name.matches("(LICENSE|NOTICE|THIRD-PARTY-NOTICES)(\\..*)?"));
        }
    }

    private static Set<String> classes(Path jar) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            return file.stream()
                    .map(entry -> entry.getName())
                    .filter(name -> name.endsWith(".class"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
