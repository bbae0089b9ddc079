package org.sparkqwen.job;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;

/// The files of a directory that intervals write rows to: the output, or the quarantine in it. A file counts when a
/// commit names it.
final class DataFiles {
    /// `part-00000-` and what Spark gives all files of one write in common.
    private static final Pattern DATA_FILE =
            Pattern.compile("part-\\d+-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}).*");

    private final RunOptions options;
    private final String path;
    private final RunState directory;

    /// @param path of the directory, as Spark takes it
    /// @param directory the same
    DataFiles(RunOptions options, String path, RunState directory) {
        this.options = options;
        this.path = path;
        this.directory = directory;
    }

    /// Adds a file for each partition.
    void write(Dataset<Row> rows) {
        rows.write()
                .format(options.outputFormat)
                // So that JSON, too, has every column in every row.
                .option("ignoreNullFields", "false")
                // Hadoop's committer takes all that lies below its attempt's number for its own, that of a killed
                // driver's tasks, too, if they had the same.
                .option(
                        "mapreduce.job.application.attempt.id",
                        Integer.toString(ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE)))
                // The output is whole when all intervals are.
                .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
                .options(options.outputOptions)
                .mode(SaveMode.Append)
                .save(path);
    }

    /// Data files that no commit names.
    List<FileStatus> strays(Collection<String> committed) {
        return directory.visible().stream()
                .filter(file -> DATA_FILE.matcher(file.getPath().getName()).matches())
                .filter(file -> !committed.contains(file.getPath().getName()))
                .toList();
    }

    /// Deletes strays, and what Spark's committers leave of work that was broken off.
    void discardStrays(Collection<String> committed) {
        directory.discard(strays(committed));
    }

    /// Files that were written since others were committed. All files of one write have an identifier in common;
    /// those of two are another driver's beside this one's, and are refused.
    List<FileStatus> written(Collection<String> committed) {
        List<FileStatus> written = strays(committed);
        Set<String> writes = new HashSet<>();
        for (FileStatus file : written) {
            Matcher matcher = DATA_FILE.matcher(file.getPath().getName());
            if (matcher.matches()) {
                writes.add(Objects.requireNonNull(matcher.group(1)));
            }
        }
        if (writes.size() > 1) {
            throw Refusal.failure("another run writes to --output %s at the same time; end it, and start this one again"
                    .formatted(options.output));
        }
        return written;
    }

    /// @param interval that wrote `files`
    /// @param present names of the files that are there
    void refuseLost(int interval, List<String> files, Set<String> present) {
        for (String file : files) {
            if (!present.contains(file)) {
                throw Refusal.failure("%s/%s, which interval %d wrote, is gone; begin anew with --mode overwrite"
                        .formatted(path, file, interval));
            }
        }
    }

    /// Names of the files that are there.
    Set<String> present() {
        Set<String> present = new HashSet<>();
        directory.visible().forEach(file -> present.add(file.getPath().getName()));
        return present;
    }
}
