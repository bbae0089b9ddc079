package org.sparkqwen.job.input;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;

/// Table formats that keep their rows in files beside a log. The log says which of these files count. If the files were
/// read without it, deleted or replaced rows would come back.
enum TableFormat {
    DELTA("a Delta table", "_delta_log", "delta"),
    ICEBERG("an Iceberg table", "metadata", "iceberg"),
    HUDI("a Hudi table", ".hoodie", "hudi");

    private final String title;
    private final String log;
    private final String format;

    /// @param log the log's directory, in the table's directory
    TableFormat(String title, String log, String format) {
        this.title = title;
        this.log = log;
        this.format = format;
    }

    /// Refuses inputs that are a table, or lie in one. The log itself may be read.
    static void refuseAround(List<Path> roots, Configuration hadoop) {
        Set<Path> seen = new HashSet<>();
        for (Path root : roots) {
            try {
                if (!isLog(root)) {
                    refuseAround(root, root.getFileSystem(hadoop), seen);
                }
            } catch (IOException e) {
                throw Refusal.failure("--input %s cannot be read: %s"
                        .formatted(Quote.of(Origin.shortened(root.toString())), Failures.firstLine(e)));
            }
        }
    }

    private static boolean isLog(Path root) {
        for (Path at = root; at != null; at = at.getParent()) {
            if (at.getName().equals(DELTA.log) || at.getName().equals(HUDI.log) || isIcebergsMetadata(at)) {
                return true;
            }
        }
        return false;
    }

    private static void refuseAround(Path root, FileSystem files, Set<Path> seen) {
        for (Path at = root; at != null && seen.add(at); at = at.getParent()) {
            for (TableFormat table : values()) {
                if (table.isLog(new Path(at, table.log), files)) {
                    throw table.refusal(root, at);
                }
            }
        }
    }

    /// Refuses an input with a table in it.
    ///
    /// @param file a file somewhere below the input
    static void refuseWithin(Path root, Path file) {
        if (isLog(root)) {
            return;
        }
        for (Path at = file.getParent(); at != null && !at.equals(root); at = at.getParent()) {
            for (TableFormat table : values()) {
                if (at.getName().equals(table.log) && (table != ICEBERG || isIcebergsMetadata(file))) {
                    throw table.refusal(root, at.getParent());
                }
            }
        }
    }

    private static boolean isIcebergsMetadata(Path file) {
        String name = file.getName();
        return name.endsWith(".metadata.json") || name.endsWith(".metadata.json.gz");
    }

    /// Returns whether a directory exists and is this kind of log. A directory without read permission is none,
    /// because that is frequent for the directories above an input.
    private boolean isLog(Path directory, FileSystem files) {
        try {
            FileStatus status = files.getFileStatus(directory);
            if (!status.isDirectory() || this != ICEBERG) {
                return status.isDirectory();
            }
            return Arrays.stream(files.listStatus(directory)).anyMatch(file -> isIcebergsMetadata(file.getPath()));
        } catch (IOException e) {
            return false;
        }
    }

    private Refusal refusal(Path root, Path table) {
        String input = Quote.of(Origin.shortened(root.toString()));
        String where = root.equals(table)
                ? "is " + title
                : "%s %s, %s"
                        .formatted(
                                table.toString().startsWith(root + "/") ? "contains" : "lies in",
                                title,
                                Quote.of(Origin.shortened(table.toString())));
        return Refusal.usage(
                ("--input %s %s: its log in %s says which files count, and bare files would bring deleted rows back."
                    + " Read it with --input-format %s and its reader on Spark's class path, or export its rows to"
                    + " Parquet")
                        .formatted(input, where, log, format));
    }
}
