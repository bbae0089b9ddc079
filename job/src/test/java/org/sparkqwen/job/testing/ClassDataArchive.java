package org.sparkqwen.job.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A class-data archive of the classes that a run loads, for all JVMs of Spark that the tests start. Without it each of
/// some sixty JVMs parses and verifies ten thousand classes, which is most of the work of a short run.
///
/// The archive is made once in a build, by a run of its own. A JVM whose class path begins differently ignores it.
public final class ClassDataArchive {
    private static final Path FILE = Path.of("target/spark-classes.jsa").toAbsolutePath();

    private ClassDataArchive() {}

    /// Returns the options that let a JVM use the archive; none if it cannot be made.
    public static List<String> options() {
        return Made.ARCHIVE
                .map(file -> List.of("-XX:SharedArchiveFile=" + file, "-Xlog:disable"))
                .orElse(List.of());
    }

    /// Makes the archive when it is first asked for. Of several JVMs of tests one makes it while the others wait.
    private static final class Made {
        static final Optional<Path> ARCHIVE = make();

        private static Optional<Path> make() {
            Path lock = FILE.resolveSibling("spark-classes.lock");
            try (FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    var _ = channel.lock()) {
                if (!Files.exists(FILE)) {
                    Path work = Files.createTempDirectory(FILE.getParent(), "spark-classes-");
                    Path archive = work.resolve("archive.jsa");
                    List<String> jvmOptions = new ArrayList<>(SparkProcess.UNOPTIMIZED);
                    jvmOptions.addAll(List.of("-XX:ArchiveClassesAtExit=" + archive, "-Xlog:disable"));
                    List<String> command = SparkProcess.submitCommand(
                            jvmOptions,
                            "local[2]",
                            List.of(),
                            LittleModel.command(
                                    "score", ShortCorpus.file(), work.resolve("scores"), "--checkpoint-rows", "110"));
                    try (SparkProcess run = SparkProcess.start(work.resolve("run.log"), command)) {
                        int exit = run.awaitEnd();
                        if (exit != 0 || !Files.exists(archive)) {
                            System.out.println("no class-data archive: " + run.output());
                            return Optional.empty();
                        }
                    }
                    Files.move(archive, FILE, StandardCopyOption.ATOMIC_MOVE);
                }
                return Optional.of(FILE);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
