package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.buckets.Thresholds;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputPlan;
import org.sparkqwen.job.input.PlannedRows;
import org.sparkqwen.job.input.UnreadableFiles;
import org.sparkqwen.job.storage.OutputLayout;

/// The state of a run, in a directory of its output that Spark's readers skip:
///
/// - `run.json`: the run's identity,
/// - `snapshots/00000.json`: the copy of a table's rows that the run works on, see [InputSnapshot],
/// - `plans/00000.json` and so on: the input's files and splits,
/// - `commits/00000.json` and so on: the finished intervals, and the data files that hold them,
/// - `attempts/00000.json` and so on: the starts of a driver,
/// - `drivers`: which driver is at work, see [DriverClaim],
/// - `buckets`: the state of the second stage of a run with buckets, with the same files, and with the thresholds in
///   `thresholds/00000.json`, see [BucketStage].
///
/// A file appears whole or not at all, and is never replaced, see [StateFiles].
final class RunState {
    /// The version of the state in which every file has its checksum. Earlier versions had none.
    private static final int FORMAT = 2;

    private static final String SNAPSHOTS = "snapshots";

    private static final String BUCKETS = "buckets";

    private static final String THRESHOLDS = "thresholds";

    /// The pattern of the name of a copy of a table's rows.
    private static final Pattern SNAPSHOT = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private static final ObjectMapper JSON = new ObjectMapper();

    private final FileSystem files;
    private final Path output;
    private final Path directory;
    private final Path quarantine;
    private final StateFiles state;

    /// @param started when the run started
    /// @param identity what makes a run the same
    /// @param columns the columns of the input, as DDL
    /// @param format the version of the state; null in those from before there was one
    record Run(
            String started,
            RunIdentity identity,
            String columns,
            @JsonProperty(required = false) @Nullable Integer format) {
        Run {
            if (started == null || identity == null || columns == null) {
                throw new IllegalArgumentException("it does not say what the run is");
            }
            if (format != null && format < 1) {
                throw new IllegalArgumentException("it is of format %d, which does not exist".formatted(format));
            }
        }

        Run(String started, RunIdentity identity, String columns) {
            this(started, identity, columns, FORMAT);
        }

        boolean hasChecksums() {
            return format != null && format >= FORMAT;
        }
    }

    /// A start of a driver.
    record Attempt(String started, String host, long pid, String version) {}

    RunState(FileSystem files, Path output) {
        this.files = files;
        this.output = files.makeQualified(output);
        this.directory = new Path(this.output, OutputLayout.STATE);
        this.quarantine = new Path(this.output, OutputLayout.ERRORS);
        this.state = new StateFiles(files, this.output, directory);
    }

    /// Makes the state of the second stage of a run. It rejects no rows, so its quarantine is never there, and it
    /// leaves that of the first stage alone.
    private RunState(RunState first) {
        files = first.files;
        output = first.output;
        directory = new Path(first.directory, BUCKETS);
        quarantine = new Path(directory, OutputLayout.ERRORS);
        state = new StateFiles(files, output, directory);
    }

    /// Returns the state of the stage that adds buckets to what this run has scored.
    RunState ofBuckets() {
        return new RunState(this);
    }

    /// Returns the state with the commits of the output's data files.
    RunState ofOutput() {
        RunState second = ofBuckets();
        return second.exists() ? second : this;
    }

    /// Returns the output, which has the data files.
    DataDirectory data() {
        return new DataDirectory(files, output);
    }

    /// Returns a directory of data files in the output.
    ///
    /// @param name its path, relative to the output
    DataDirectory data(String name) {
        return new DataDirectory(files, new Path(output, name));
    }

    /// Returns the directory of rejected rows.
    DataDirectory rejected() {
        return new DataDirectory(files, quarantine);
    }

    boolean exists() {
        return state.attempt(() -> files.exists(runFile()));
    }

    /// Returns whether the output has a state of ours, even of a run that was being deleted.
    boolean isOurs() {
        return state.attempt(() -> files.exists(directory));
    }

    private Path runFile() {
        return state.path("run.json");
    }

    /// @throws Refusal if a newer version of this program wrote the state, or if `run.json` is damaged
    Run run() {
        byte[] content = state.attempt(() -> state.content(runFile(), StateFiles.LARGEST_FILE));
        refuseNewerFormat(content);
        Run run = StateFiles.parse(runFile(), content, Run.class, false);
        return run.hasChecksums() ? StateFiles.parse(runFile(), content, Run.class, true) : run;
    }

    /// Refuses a state that a newer version wrote. Its other keys may be any, so only the format is looked at.
    private void refuseNewerFormat(byte[] content) {
        JsonNode format =
                StateFiles.parse(runFile(), content, JsonNode.class, false).path("format");
        if (format.canConvertToLong() && format.longValue() > FORMAT) {
            throw Refusal.failure(("%s is of format %,d, and this version of spark-qwen knows formats up to %d; go on"
                            + " with the version that began the run, or begin anew with --mode overwrite")
                    .formatted(runFile(), format.longValue(), FORMAT));
        }
    }

    void begin(Run run) {
        state.write(runFile(), run);
    }

    List<InputPlan> plans() {
        return state.readAll("plans", InputPlan.class, StateFiles.LARGEST_PLAN, run().hasChecksums());
    }

    FileSystem files() {
        return files;
    }

    /// Returns a directory of the state, and creates it if it does not exist.
    Path directory(String name) {
        return state.directory(name);
    }

    void add(InputPlan plan) {
        state.write(state.numbered("plans", state.numbered("plans").size()), plan);
    }

    /// Returns the copy of a table's rows; empty if none is whole.
    Optional<InputSnapshot.Taken> snapshot() {
        return state.readAll(SNAPSHOTS, InputSnapshot.Taken.class, StateFiles.LARGEST_PLAN, true).stream()
                .findFirst();
    }

    void add(InputSnapshot.Taken snapshot) {
        state.write(state.numbered(SNAPSHOTS, 0), snapshot);
    }

    /// Returns the path of a new copy of a table's rows, relative to the output.
    static String newSnapshot() {
        return OutputLayout.INPUT + "/" + UUID.randomUUID();
    }

    /// Returns the thresholds of the buckets; empty if they are not computed.
    Optional<Thresholds> thresholds() {
        return state.readAll(THRESHOLDS, Thresholds.class, StateFiles.LARGEST_FILE, true).stream()
                .findFirst();
    }

    void add(Thresholds thresholds) {
        state.write(state.numbered(THRESHOLDS, 0), thresholds);
    }

    /// Deletes the scored rows of a run with buckets, and nothing else.
    void discardScored() {
        Path path = new Path(output, OutputLayout.SCORED_ROWS);
        DataDirectory rows = new DataDirectory(files, path);
        state.attempt(() -> {
            rows.deleteData();
            if (rows.list().isEmpty()) {
                files.delete(path, true); // with Hadoop's checksums of files that somebody deleted, which no list shows
            }
            return deleteIfEmpty(path.getParent());
        });
    }

    /// Deletes every copy of a table's rows, whole or not, and nothing else.
    void discardSnapshots() {
        state.attempt(() -> {
            for (FileStatus copy : new DataDirectory(files, snapshots()).list()) {
                if (SNAPSHOT.matcher(copy.getPath().getName()).matches()) {
                    files.delete(copy.getPath(), true);
                }
            }
            return deleteIfEmpty(snapshots());
        });
    }

    private boolean deleteIfEmpty(Path empty) throws IOException {
        return new DataDirectory(files, empty).list().isEmpty() && files.delete(empty, false);
    }

    private Path snapshots() {
        return new Path(output, OutputLayout.INPUT);
    }

    /// Returns the input files that are left out, as recorded by this or an earlier start.
    UnreadableFiles leftOut() {
        Path list = leftOutList();
        return state.attempt(() -> {
            if (!files.exists(list)) {
                return UnreadableFiles.NONE;
            }
            try {
                return UnreadableFiles.of(
                        JSON.readValue(state.content(list, StateFiles.LARGEST_PLAN), new TypeReference<>() {}));
            } catch (JsonProcessingException | NullPointerException e) {
                throw StateFiles.damaged(list, "it is no list of files and reasons", e);
            }
        });
    }

    private Path leftOutList() {
        return new Path(quarantine, UnreadableFiles.LIST);
    }

    /// Replaces the list of input files that are left out.
    void leaveOut(UnreadableFiles unreadable) {
        Path list = leftOutList();
        state.attempt(() -> {
            if (unreadable.isEmpty()) {
                return files.delete(list, false);
            }
            try (OutputStream out = files.create(list, true)) {
                out.write(JSON.writeValueAsBytes(unreadable.toList()));
            }
            return true;
        });
    }

    /// Returns the commits in the order of intervals, from the first row on without a gap.
    List<Commit> commits() {
        List<Commit> commits =
                state.readAll("commits", Commit.class, StateFiles.LARGEST_FILE, exists() && run().hasChecksums());
        long next = 0;
        for (int i = 0; i < commits.size(); i++) {
            Commit commit = commits.get(i);
            if (commit.interval() != i || commit.from() != next) {
                throw StateFiles.damaged(
                        commitFile(i),
                        "it is interval %d, of rows from %,d on".formatted(commit.interval(), commit.from()));
            }
            next = commit.to();
        }
        return commits;
    }

    Path commitFile(int interval) {
        return state.numbered("commits", interval);
    }

    /// Refuses commits of more rows than there are.
    ///
    /// @param planned how many rows all plans have
    void refuseMoreThan(long planned, List<Commit> commits) {
        for (Commit commit : commits) {
            if (commit.to() > planned) {
                throw StateFiles.damaged(
                        commitFile(commit.interval()),
                        "it ends with row %,d, and %s have %,d".formatted(commit.to(), state.path("plans"), planned));
            }
        }
    }

    void add(Commit commit) {
        state.write(commitFile(commit.interval()), commit);
    }

    /// @return the attempt's number
    int add(Attempt attempt) {
        int number = attempts();
        state.write(state.numbered("attempts", number), attempt);
        return number;
    }

    int attempts() {
        return state.numbered("attempts").size();
    }

    Attempt lastAttempt() {
        return state.readAll("attempts", Attempt.class, StateFiles.LARGEST_FILE, false)
                .getLast();
    }

    /// Deletes what a run of ours wrote, by name, and nothing else. It deletes `run.json` first, so that the rest
    /// after a kill does not count as a run, and the rest of the state last, so that the output is still known as
    /// ours.
    void erase() {
        state.attempt(() -> {
            files.delete(runFile(), false);
            rejected().deleteData();
            data().deleteData();
            files.delete(leftOutList(), false);
            deleteIfEmpty(quarantine);
            discardScored();
            files.delete(mark(), false);
            files.delete(new Path(output, OutputLayout.MANIFEST), false);
            discardSnapshots();
            for (String kind : List.of("attempts", "commits", "plans", SNAPSHOTS, BUCKETS)) {
                files.delete(state.path(kind), true);
            }
            return true;
        });
    }

    /// Returns whether the commits have all planned rows. The mark of a complete output does not tell, because an
    /// `INSERT` into an output table sets it, too.
    ///
    /// @param limit the most rows that the run processes; null if it processes all
    boolean isDone(@Nullable Long limit) {
        List<Commit> commits = commits();
        long planned = PlannedRows.of(plans()).rows();
        return !commits.isEmpty() && commits.getLast().to() >= (limit == null ? planned : Math.min(limit, planned));
    }

    /// Returns whether the output is marked as complete.
    boolean isWhole() {
        return state.attempt(() -> files.exists(mark()));
    }

    private Path mark() {
        return new Path(output, "_SUCCESS");
    }

    /// Marks the output as complete, as Spark does.
    void markWhole() {
        Path mark = mark();
        state.attempt(() -> {
            if (!files.exists(mark)) {
                files.create(mark, true).close();
            }
            return true;
        });
    }

    /// Removes the mark of a complete output.
    void removeMark() {
        state.attempt(() -> files.delete(mark(), false));
    }
}
