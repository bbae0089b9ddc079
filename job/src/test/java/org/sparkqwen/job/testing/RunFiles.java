package org.sparkqwen.job.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// Reads the output of a run, during the run and after it.
public final class RunFiles {
    private RunFiles() {}

    /// Waits until the driver that was started last has work to do, or has ended.
    ///
    /// @param attempts how many drivers came before it, see [#attempts]
    public static void awaitWork(SparkProcess submit, Path output, int attempts) {
        Path attempt = output.resolve("_spark_qwen/attempts/%05d.json".formatted(attempts));
        while (submit.isAlive() && !Files.exists(attempt)) {
            SparkProcess.sleep(10);
        }
    }

    /// Returns how many drivers had work to do.
    public static int attempts(Path output) throws IOException {
        return numbered(output.resolve("_spark_qwen/attempts")).size();
    }

    /// Returns the commits, and when each was made.
    public static Map<Path, FileTime> committed(Path output) throws IOException {
        Map<Path, FileTime> commits = new TreeMap<>();
        for (Path file : numbered(output.resolve("_spark_qwen/commits"))) {
            commits.put(file, Files.getLastModifiedTime(file));
        }
        return commits;
    }

    private static List<Path> numbered(Path directory) throws IOException {
        return Files.exists(directory) ? list(directory, "[0-9]*.json") : List.of();
    }

    /// Returns the files whose names match, in the order of their names.
    public static List<Path> list(Path directory, String glob) throws IOException {
        List<Path> files = new ArrayList<>();
        try (var found = Files.newDirectoryStream(directory, glob)) {
            found.forEach(files::add);
        }
        return files.stream().sorted().toList();
    }
}
