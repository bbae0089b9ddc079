package org.sparkqwen.job;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;

/// What a run has done so far, in a directory of its output that Spark's readers pass over:
///
/// - `run.json`: what the run is,
/// - `plans/00000.json` and so on: the input's files and splits,
/// - `commits/00000.json` and so on: intervals that are done, and the data files that hold them,
/// - `attempts/00000.json` and so on: starts of a driver.
///
/// A file appears whole or not at all, and is never replaced. A store like S3 does that by itself, asked to create what
/// is not there yet. Elsewhere a file is written under another name and renamed, which no file system that Spark writes
/// to does by half for one small file.
final class RunState {
    static final String DIRECTORY = "_spark_qwen";

    private static final ObjectMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private final FileSystem files;
    private final Path output;
    private final Path directory;

    /// @param started when
    /// @param identity what makes it this run
    /// @param columns of the input, as DDL
    record Run(String started, RunIdentity identity, String columns) {}

    /// A start of a driver.
    record Attempt(String started, String host, long pid, String version) {}

    RunState(FileSystem files, Path output) {
        this.files = files;
        this.output = files.makeQualified(output);
        this.directory = new Path(this.output, DIRECTORY);
    }

    /// A directory in the output that has data files, but no run of its own.
    RunState inside(String name) {
        return new RunState(files, new Path(output, name));
    }

    boolean exists() {
        return attempt(() -> files.exists(new Path(directory, "run.json")));
    }

    Run run() {
        return read(new Path(directory, "run.json"), Run.class);
    }

    void begin(Run run) {
        write(new Path(directory, "run.json"), run);
    }

    List<InputPlan> plans() {
        return readAll("plans", InputPlan.class);
    }

    void add(InputPlan plan) {
        write(numbered("plans", numbered("plans").size()), plan);
    }

    /// Input files that are left out, of which this or an earlier start has taken note.
    UnreadableFiles leftOut() {
        Path list = leftOutList();
        return attempt(() -> {
            if (!files.exists(list)) {
                return UnreadableFiles.NONE;
            }
            try (InputStream in = files.open(list)) {
                return UnreadableFiles.of(JSON.readValue(in, new TypeReference<>() {}));
            }
        });
    }

    private Path leftOutList() {
        return new Path(output, Quarantine.DIRECTORY + "/" + UnreadableFiles.LIST);
    }

    /// Lists input files that are left out, instead of those that were before.
    void leaveOut(UnreadableFiles unreadable) {
        Path list = leftOutList();
        attempt(() -> {
            if (unreadable.isEmpty()) {
                return files.delete(list, false);
            }
            try (OutputStream out = files.create(list, true)) {
                out.write(JSON.writeValueAsBytes(unreadable.toList()));
            }
            return true;
        });
    }

    /// In the order of intervals, from the first row on without a gap.
    List<Commit> commits() {
        return readAll("commits", Commit.class);
    }

    void add(Commit commit) {
        write(numbered("commits", commit.interval()), commit);
    }

    /// @return its number
    int add(Attempt attempt) {
        int number = attempts();
        write(numbered("attempts", number), attempt);
        return number;
    }

    int attempts() {
        return numbered("attempts").size();
    }

    Attempt lastAttempt() {
        return readAll("attempts", Attempt.class).getLast();
    }

    /// Deletes the output and all that is known of it; `run.json` first, so that what a kill leaves of it is not
    /// taken for a run's.
    void erase() {
        attempt(() -> {
            files.delete(new Path(directory, "run.json"), false);
            if (!output.isRoot()) {
                return files.delete(output, true);
            }
            for (FileStatus file : files.listStatus(output)) { // a whole bucket, which itself stays
                files.delete(file.getPath(), true);
            }
            return true;
        });
    }

    /// Files and directories in the output that readers see.
    List<FileStatus> visible() {
        return attempt(() -> {
            if (!files.exists(output)) {
                return List.of();
            }
            return Arrays.stream(files.listStatus(output))
                    .filter(file -> !file.getPath().getName().matches("[_.].*"))
                    .toList();
        });
    }

    /// Marks the output as whole, as Spark does; or takes the mark away.
    void mark(boolean whole) {
        Path mark = new Path(output, "_SUCCESS");
        attempt(() -> {
            if (whole && !files.exists(mark)) {
                files.create(mark, true).close();
            } else if (!whole) {
                files.delete(mark, false);
            }
            return whole;
        });
    }

    /// Deletes what Spark's committers leave of work that was broken off, and these files.
    void discard(List<FileStatus> strays) {
        attempt(() -> {
            for (FileStatus file : files.exists(output) ? files.listStatus(output) : new FileStatus[0]) {
                String name = file.getPath().getName();
                // Of Hadoop's committer, and of S3A's magic one.
                if (name.equals("_temporary") || name.startsWith("__magic")) {
                    files.delete(file.getPath(), true);
                }
            }
            for (FileStatus stray : strays) {
                files.delete(stray.getPath(), false);
            }
            return true;
        });
    }

    private List<Path> numbered(String kind) {
        return attempt(() -> {
            Path parent = new Path(directory, kind);
            if (!files.exists(parent)) {
                return List.of();
            }
            return Arrays.stream(files.listStatus(parent))
                    .map(FileStatus::getPath)
                    .filter(path -> path.getName().matches("\\d+\\.json"))
                    .sorted(Comparator.comparingInt(
                            path -> Integer.parseInt(path.getName().replace(".json", ""))))
                    .toList();
        });
    }

    private Path numbered(String kind, int number) {
        return new Path(directory, "%s/%05d.json".formatted(kind, number));
    }

    private <T> List<T> readAll(String kind, Class<T> type) {
        List<T> all = new ArrayList<>();
        for (Path path : numbered(kind)) {
            if (!path.equals(numbered(kind, all.size()))) {
                throw Refusal.failure(
                        "%s is missing; begin anew with --mode overwrite".formatted(numbered(kind, all.size())));
            }
            all.add(read(path, type));
        }
        return all;
    }

    private <T> T read(Path path, Class<T> type) {
        return attempt(() -> {
            try (InputStream in = files.open(path)) {
                return JSON.readValue(in, type);
            }
        });
    }

    private void write(Path path, Object value) {
        attempt(() -> {
            byte[] content = JSON.writeValueAsBytes(value);
            boolean created = files.hasPathCapability(path, CreateFileOptionKeys.FS_OPTION_CREATE_IN_CLOSE)
                    ? create(path, content)
                    : createByRename(path, content);
            if (!created) {
                throw Refusal.failure("%s was written by another run that is at work on this output".formatted(path));
            }
            return true;
        });
    }

    /// In a store whose files appear when they are closed.
    ///
    /// @return false if there was such a file
    private boolean create(Path path, byte[] content) throws IOException {
        FSDataOutputStreamBuilder<?, ?> file =
                files.createFile(path).recursive().overwrite(false);
        file.opt(CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, exclusive(path));
        try (OutputStream out = file.build()) {
            out.write(content);
        } catch (IOException e) {
            // One request may be sent twice, when the answer to the first is lost; then the file there is this one.
            if (!files.exists(path)) {
                throw e;
            }
            return Arrays.equals(content, content(path));
        }
        return true;
    }

    /// Whether the store itself creates a file only where there is none; else it is looked for before.
    private boolean exclusive(Path path) throws IOException {
        return files.hasPathCapability(path, CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE);
    }

    /// @return false if there was such a file
    private boolean createByRename(Path path, byte[] content) throws IOException {
        Path unfinished = new Path(path.getParent(), ".%s.%s".formatted(path.getName(), UUID.randomUUID()));
        try (OutputStream out = files.create(unfinished, false)) {
            out.write(content);
        }
        if (!files.exists(path) && files.rename(unfinished, path)) {
            return true;
        }
        files.delete(unfinished, false);
        return false;
    }

    private byte[] content(Path path) throws IOException {
        try (InputStream in = files.open(path)) {
            return in.readAllBytes();
        }
    }

    private interface Access<T> {
        T run() throws IOException;
    }

    private <T> T attempt(Access<T> access) {
        try {
            return access.run();
        } catch (IOException | FSError e) { // Hadoop's local file system throws an Error where a disk is full
            throw Refusal.failure(
                    "--output %s: %s. Once that is mended, the same command goes on"
                            .formatted(output, Failures.firstLine(e)),
                    e);
        }
    }
}
