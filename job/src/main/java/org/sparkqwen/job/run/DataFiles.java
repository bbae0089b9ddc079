package org.sparkqwen.job.run;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Refusal;

/// The files of a directory to which intervals write rows: the output, or the quarantine in it. A file counts if a
/// commit names it.
final class DataFiles {
    /// The pattern of a data file's name: `part-00000-`, and the identifier that Spark gives all files of one
    /// write.
    private static final Pattern DATA_FILE =
            Pattern.compile("part-\\d+-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}).*");

    private final RunSettings settings;
    private final String path;
    private final DataDirectory directory;

    /// @param path the directory, as Spark takes it
    /// @param directory the same directory
    DataFiles(RunSettings settings, String path, DataDirectory directory) {
        this.settings = settings;
        this.path = path;
        this.directory = directory;
    }

    /// Adds a file for each partition.
    void write(Dataset<Row> rows) {
        rows.write()
                .format(settings.target().format())
                .options(OutputFormat.writerOptions())
                .options(committerOptions())
                .options(settings.target().options())
                .mode(SaveMode.Append)
                .save(path);
    }

    /// Returns the options of Hadoop's committer for one write of several to a directory.
    static Map<String, String> committerOptions() {
        return Map.of(
                // The committer takes all files below its attempt's number for its own, including those of a killed
                // driver's tasks with the same number.
                "mapreduce.job.application.attempt.id",
                Integer.toString(ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE)),
                // The output is complete only when all intervals are.
                "mapreduce.fileoutputcommitter.marksuccessfuljobs",
                "false");
    }

    static boolean isNameOfOne(String file) {
        return DATA_FILE.matcher(file).matches();
    }

    /// Refuses files that readers would take for data, but that no run wrote.
    void refuseForeign() {
        directory.visible().stream()
                .map(file -> file.getPath().getName())
                .filter(name -> !isNameOfOne(name))
                .sorted()
                .findFirst()
                .ifPresent(name -> {
                    throw Refusal.usage("--output %s has a run, and beside its files %s, which it did not write and"
                                    .formatted(path, Quote.of(name))
                            + " readers would take for its data; move that away, or choose another --output");
                });
    }

    /// Returns the data files that no commit names.
    List<FileStatus> strays(Collection<String> committed) {
        return directory.visible().stream()
                .filter(file -> isNameOfOne(file.getPath().getName()))
                .filter(file -> !committed.contains(file.getPath().getName()))
                .toList();
    }

    /// Deletes these files.
    void discard(Collection<FileStatus> strays) {
        directory.discard(strays);
    }

    /// Deletes what Spark's committers leave of interrupted work.
    void discardUnfinished() {
        directory.discardUnfinished();
    }

    /// Returns whether these files come from several writes. All files of one write have an identifier in common.
    static boolean areOfSeveralWrites(Collection<FileStatus> files) {
        return files.stream()
                        .map(file -> DATA_FILE.matcher(file.getPath().getName()))
                        .filter(Matcher::matches)
                        .map(matcher -> Objects.requireNonNull(matcher.group(1)))
                        .distinct()
                        .count()
                > 1;
    }

    /// Returns the present state of each of these files.
    Map<String, StoredFile> stored(Collection<FileStatus> files) {
        Map<String, StoredFile> stored = new HashMap<>();
        files.forEach(file -> stored.put(file.getPath().getName(), directory.stored(file)));
        return stored;
    }

    /// Refuses files of a commit that are gone or have changed.
    ///
    /// @param names the names of the files
    /// @param present the existing files, by name
    void refuseChanged(Commit commit, List<String> names, Map<String, FileStatus> present, RunState state) {
        for (String name : names) {
            FileStatus file = present.get(name);
            StoredFile before = commit.stored(name);
            Optional<String> difference = file == null
                    ? Optional.of("is gone")
                    : before == null ? Optional.empty() : directory.difference(before, file);
            if (difference.isPresent()) {
                throw Refusal.failure(("%s/%s, which interval %d wrote, %s; bring it back, or delete %s and all commits"
                                + " after it to have the rows from %,d on done again, or begin anew with --mode"
                                + " overwrite")
                        .formatted(
                                path,
                                name,
                                commit.interval(),
                                difference.get(),
                                state.commitFile(commit.interval()),
                                commit.from()));
            }
        }
    }

    /// Returns the existing files, by name.
    Map<String, FileStatus> present() {
        Map<String, FileStatus> present = new HashMap<>();
        directory.visible().forEach(file -> present.put(file.getPath().getName(), file));
        return present;
    }
}
