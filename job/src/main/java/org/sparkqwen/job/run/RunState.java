package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.buckets.Thresholds;
import org.sparkqwen.job.failure.Failures;
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
/// A file appears whole or not at all, and is never replaced. A store like S3 ensures that by itself, if it is asked to
/// create only what does not exist yet. Elsewhere a file is written under another name and renamed, and no file system
/// that Spark writes to does that by half for one small file. Each file has its own checksum, see [SealedJson], and a
/// file that does not match it is refused by name. Only its owner can access the directory.
final class RunState {
    /// The version of the state in which every file has its checksum. Earlier versions had none.
    private static final int FORMAT = 2;

    /// The most bytes of a file of the state. No run writes a larger one, so it is not read.
    private static final long LARGEST_FILE = 64L << 20;

    /// The most bytes of a plan, which names every file of the input.
    private static final long LARGEST_PLAN = 1L << 30;

    private static final String SNAPSHOTS = "snapshots";

    private static final String BUCKETS = "buckets";

    private static final String THRESHOLDS = "thresholds";

    /// The pattern of the name of a copy of a table's rows.
    private static final Pattern SNAPSHOT = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private static final FsPermission OWNER_ALONE = new FsPermission((short) 0700);

    private static final ObjectMapper JSON = new ObjectMapper();

    private final FileSystem files;
    private final Path output;
    private final Path directory;
    private final Path quarantine;
    private boolean restricted;

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

    public RunState(FileSystem files, Path output) {
        this.files = files;
        this.output = files.makeQualified(output);
        this.directory = new Path(this.output, OutputLayout.STATE);
        this.quarantine = new Path(this.output, OutputLayout.ERRORS);
    }

    /// Makes the state of the second stage of a run. It rejects no rows, so its quarantine is never there, and it
    /// leaves that of the first stage alone.
    private RunState(RunState first) {
        files = first.files;
        output = first.output;
        directory = new Path(first.directory, BUCKETS);
        quarantine = new Path(directory, OutputLayout.ERRORS);
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

    /// Returns a directory in the output that has data files, but no run of its own.
    RunState inside(String name) {
        return new RunState(files, new Path(output, name));
    }

    /// Returns the directory of rejected rows, which has data files, but no run of its own.
    RunState ofQuarantine() {
        return new RunState(files, quarantine);
    }

    boolean exists() {
        return attempt(() -> files.exists(runFile()));
    }

    /// Returns whether the output has a state of ours, even of a run that was being deleted.
    boolean isOurs() {
        return attempt(() -> files.exists(directory));
    }

    /// Returns whether the output is empty or does not exist.
    boolean isEmpty() {
        return attempt(() -> !files.exists(output) || files.listStatus(output).length == 0);
    }

    private Path runFile() {
        return new Path(directory, "run.json");
    }

    /// @throws Refusal if a newer version of this program wrote the state, or if `run.json` is damaged
    Run run() {
        byte[] content = attempt(() -> content(runFile(), LARGEST_FILE));
        refuseNewerFormat(content);
        Run run = parse(runFile(), content, Run.class, false);
        return run.hasChecksums() ? parse(runFile(), content, Run.class, true) : run;
    }

    /// Refuses a state that a newer version wrote. Its other keys may be any, so only the format is looked at.
    private void refuseNewerFormat(byte[] content) {
        JsonNode format = parse(runFile(), content, JsonNode.class, false).path("format");
        if (format.canConvertToLong() && format.longValue() > FORMAT) {
            throw Refusal.failure(("%s is of format %,d, and this version of spark-qwen knows formats up to %d; go on"
                            + " with the version that began the run, or begin anew with --mode overwrite")
                    .formatted(runFile(), format.longValue(), FORMAT));
        }
    }

    void begin(Run run) {
        write(runFile(), run);
    }

    List<InputPlan> plans() {
        return readAll("plans", InputPlan.class, LARGEST_PLAN, run().hasChecksums());
    }

    FileSystem files() {
        return files;
    }

    /// Returns a directory of the state, and creates it if it does not exist.
    Path directory(String name) {
        Path named = new Path(directory, name);
        prepare(named);
        return named;
    }

    /// Creates a directory of the state, and restricts the state to its owner. A store whose files appear when they
    /// are closed has neither directories nor their permissions.
    private void prepare(Path parent) {
        attempt(() -> {
            if (!files.hasPathCapability(parent, CreateFileOptionKeys.FS_OPTION_CREATE_IN_CLOSE)) {
                if (!files.exists(parent)) {
                    files.mkdirs(parent);
                }
                restrict();
            }
            return true;
        });
    }

    private void restrict() throws IOException {
        if (!restricted) {
            restricted = true;
            if (!files.getFileStatus(directory).getPermission().equals(OWNER_ALONE)) {
                try {
                    files.setPermission(directory, OWNER_ALONE);
                } catch (IOException e) {
                    // The directory belongs to somebody else, who began the run with an earlier version.
                }
            }
        }
    }

    public void add(InputPlan plan) {
        write(numbered("plans", numbered("plans").size()), plan);
    }

    /// Returns the copy of a table's rows; empty if none is whole.
    Optional<InputSnapshot.Taken> snapshot() {
        return readAll(SNAPSHOTS, InputSnapshot.Taken.class, LARGEST_PLAN, true).stream()
                .findFirst();
    }

    void add(InputSnapshot.Taken snapshot) {
        write(numbered(SNAPSHOTS, 0), snapshot);
    }

    /// Returns the path of a new copy of a table's rows, relative to the output.
    static String newSnapshot() {
        return OutputLayout.INPUT + "/" + UUID.randomUUID();
    }

    /// Returns the thresholds of the buckets; empty if they are not computed.
    Optional<Thresholds> thresholds() {
        return readAll(THRESHOLDS, Thresholds.class, LARGEST_FILE, true).stream()
                .findFirst();
    }

    void add(Thresholds thresholds) {
        write(numbered(THRESHOLDS, 0), thresholds);
    }

    /// Deletes the scored rows of a run with buckets, and nothing else.
    void discardScored() {
        Path rows = new Path(output, OutputLayout.SCORED_ROWS);
        attempt(() -> {
            deleteData(rows);
            if (list(rows).isEmpty()) {
                files.delete(rows, true); // with Hadoop's checksums of files that somebody deleted, which no list shows
            }
            return list(rows.getParent()).isEmpty() && files.delete(rows.getParent(), false);
        });
    }

    /// Deletes every copy of a table's rows, whole or not, and nothing else.
    void discardSnapshots() {
        attempt(() -> {
            for (FileStatus copy : list(snapshots())) {
                if (SNAPSHOT.matcher(copy.getPath().getName()).matches()) {
                    files.delete(copy.getPath(), true);
                }
            }
            return list(snapshots()).isEmpty() && files.delete(snapshots(), false);
        });
    }

    private Path snapshots() {
        return new Path(output, OutputLayout.INPUT);
    }

    /// Returns the input files that are left out, as recorded by this or an earlier start.
    UnreadableFiles leftOut() {
        Path list = leftOutList();
        return attempt(() -> {
            if (!files.exists(list)) {
                return UnreadableFiles.NONE;
            }
            try {
                return UnreadableFiles.of(JSON.readValue(content(list, LARGEST_PLAN), new TypeReference<>() {}));
            } catch (JsonProcessingException | NullPointerException e) {
                throw damaged(list, "it is no list of files and reasons", e);
            }
        });
    }

    private Path leftOutList() {
        return new Path(quarantine, UnreadableFiles.LIST);
    }

    /// Replaces the list of input files that are left out.
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

    /// Returns the commits in the order of intervals, from the first row on without a gap.
    public List<Commit> commits() {
        List<Commit> commits = readAll("commits", Commit.class, LARGEST_FILE, exists() && run().hasChecksums());
        long next = 0;
        for (int i = 0; i < commits.size(); i++) {
            Commit commit = commits.get(i);
            if (commit.interval() != i || commit.from() != next) {
                throw damaged(
                        commitFile(i),
                        "it is interval %d, of rows from %,d on".formatted(commit.interval(), commit.from()));
            }
            next = commit.to();
        }
        return commits;
    }

    Path commitFile(int interval) {
        return numbered("commits", interval);
    }

    /// Refuses commits of more rows than there are.
    ///
    /// @param planned how many rows all plans have
    void refuseMoreThan(long planned, List<Commit> commits) {
        for (Commit commit : commits) {
            if (commit.to() > planned) {
                throw damaged(
                        commitFile(commit.interval()),
                        "it ends with row %,d, and %s have %,d"
                                .formatted(commit.to(), new Path(directory, "plans"), planned));
            }
        }
    }

    public void add(Commit commit) {
        write(commitFile(commit.interval()), commit);
    }

    /// @return the attempt's number
    public int add(Attempt attempt) {
        int number = attempts();
        write(numbered("attempts", number), attempt);
        return number;
    }

    int attempts() {
        return numbered("attempts").size();
    }

    Attempt lastAttempt() {
        return readAll("attempts", Attempt.class, LARGEST_FILE, false).getLast();
    }

    /// Deletes what a run of ours wrote, by name, and nothing else. It deletes `run.json` first, so that the rest
    /// after a kill does not count as a run, and the rest of the state last, so that the output is still known as
    /// ours.
    void erase() {
        attempt(() -> {
            files.delete(runFile(), false);
            deleteData(quarantine);
            deleteData(output);
            files.delete(leftOutList(), false);
            if (list(quarantine).isEmpty()) {
                files.delete(quarantine, false);
            }
            discardScored();
            files.delete(mark(), false);
            files.delete(new Path(output, OutputLayout.MANIFEST), false);
            discardSnapshots();
            for (String kind : List.of("attempts", "commits", "plans", SNAPSHOTS, BUCKETS)) {
                files.delete(new Path(directory, kind), true);
            }
            return true;
        });
    }

    /// Deletes the data files of a directory, and what interrupted work left there.
    private void deleteData(Path parent) throws IOException {
        for (FileStatus file : list(parent)) {
            String name = file.getPath().getName();
            if ((file.isFile() && DataFiles.isNameOfOne(name)) || isLeftByCommitters(name)) {
                files.delete(file.getPath(), true);
            }
        }
    }

    private List<FileStatus> list(Path parent) throws IOException {
        try {
            return List.of(files.listStatus(parent));
        } catch (FileNotFoundException e) {
            return List.of();
        }
    }

    /// Returns whether Hadoop's committer, or S3A's magic one, leaves this file.
    private static boolean isLeftByCommitters(String name) {
        return name.equals("_temporary") || name.startsWith("__magic");
    }

    /// Returns the files and directories in the output that readers see.
    List<FileStatus> visible() {
        return attempt(() -> {
            if (!files.exists(output)) {
                return List.of();
            }
            return Arrays.stream(files.listStatus(output))
                    .filter(file -> !isHidden(file.getPath().getName()))
                    .toList();
        });
    }

    private static boolean isHidden(String name) {
        return name.startsWith("_") || name.startsWith(".");
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
        return attempt(() -> files.exists(mark()));
    }

    private Path mark() {
        return new Path(output, "_SUCCESS");
    }

    /// Marks the output as complete, as Spark does, or removes the mark.
    void mark(boolean whole) {
        Path mark = mark();
        attempt(() -> {
            if (whole && !files.exists(mark)) {
                files.create(mark, true).close();
            } else if (!whole) {
                files.delete(mark, false);
            }
            return whole;
        });
    }

    /// Deletes what Spark's committers leave of interrupted work.
    void discardUnfinished() {
        attempt(() -> {
            for (FileStatus file : list(output)) {
                if (isLeftByCommitters(file.getPath().getName())) {
                    files.delete(file.getPath(), true);
                }
            }
            return true;
        });
    }

    /// Deletes these files of the output.
    void discard(Iterable<FileStatus> strays) {
        attempt(() -> {
            for (FileStatus stray : strays) {
                files.delete(stray.getPath(), false);
            }
            return true;
        });
    }

    /// Returns the present state of a data file.
    StoredFile stored(FileStatus file) {
        return attempt(() -> StoredFile.of(files, file));
    }

    /// Returns how a data file differs from its earlier state; empty if it does not.
    Optional<String> difference(StoredFile before, FileStatus now) {
        return attempt(() -> Optional.ofNullable(before.difference(files, now)));
    }

    private List<Path> numbered(String kind) {
        return attempt(() -> {
            Path parent = new Path(directory, kind);
            if (!files.exists(parent)) {
                return List.of();
            }
            return Arrays.stream(files.listStatus(parent))
                    .map(FileStatus::getPath)
                    .filter(path -> path.getName().matches("\\d{5,9}\\.json"))
                    .sorted(Comparator.comparingInt(
                            path -> Integer.parseInt(path.getName().replace(".json", ""))))
                    .toList();
        });
    }

    private Path numbered(String kind, int number) {
        return new Path(directory, "%s/%05d.json".formatted(kind, number));
    }

    private <T> List<T> readAll(String kind, Class<T> type, long largest, boolean sealed) {
        List<T> all = new ArrayList<>();
        for (Path path : numbered(kind)) {
            if (!path.equals(numbered(kind, all.size()))) {
                throw Refusal.failure(
                        "%s is missing; begin anew with --mode overwrite".formatted(numbered(kind, all.size())));
            }
            all.add(read(path, type, largest, sealed));
        }
        return all;
    }

    private <T> T read(Path path, Class<T> type, long largest, boolean sealed) {
        return parse(path, attempt(() -> content(path, largest)), type, sealed);
    }

    private static <T> T parse(Path path, byte[] content, Class<T> type, boolean sealed) {
        try {
            return SealedJson.read(content, type, sealed);
        } catch (IOException e) {
            throw damaged(path, String.valueOf(e.getMessage()), e);
        }
    }

    private static Refusal damaged(Path path, String how) {
        return damaged(path, how, null);
    }

    private static Refusal damaged(Path path, String how, @Nullable Throwable cause) {
        String message = "%s is damaged or was edited: %s; bring back what it was, or begin anew with --mode overwrite"
                .formatted(path, Quote.line(how));
        return cause == null ? Refusal.failure(message) : Refusal.failure(message, cause);
    }

    private void write(Path path, Object value) {
        prepare(path.getParent());
        attempt(() -> {
            byte[] content = SealedJson.write(value);
            boolean created = files.hasPathCapability(path, CreateFileOptionKeys.FS_OPTION_CREATE_IN_CLOSE)
                    ? create(path, content)
                    : createByRename(path, content);
            if (!created) {
                throw Refusal.failure("%s was written by another run that is at work on this output".formatted(path));
            }
            return true;
        });
    }

    /// Creates a file in a store whose files appear when they are closed.
    ///
    /// @return false if the file existed
    private boolean create(Path path, byte[] content) throws IOException {
        FSDataOutputStreamBuilder<?, ?> file =
                files.createFile(path).recursive().overwrite(false);
        file.opt(CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE, exclusive(path));
        try (OutputStream out = file.build()) {
            out.write(content);
        } catch (IOException e) {
            // A request may be sent twice, if the answer to the first is lost. Then the existing file is this one.
            if (!files.exists(path)) {
                throw e;
            }
            return Arrays.equals(content, content(path, LARGEST_PLAN));
        }
        return true;
    }

    /// Returns whether the store itself refuses to create a file that exists. Otherwise its existence is checked
    /// before.
    private boolean exclusive(Path path) throws IOException {
        return files.hasPathCapability(path, CreateFileOptionKeys.FS_OPTION_CREATE_CONDITIONAL_OVERWRITE);
    }

    /// @return false if the file existed
    private boolean createByRename(Path path, byte[] content) throws IOException {
        Path unfinished = new Path(path.getParent(), ".%s.%s".formatted(path.getName(), UUID.randomUUID()));
        try (OutputStream out = files.create(unfinished, false)) {
            out.write(content);
        }
        try {
            return !files.exists(path) && (isLocal(path) ? link(unfinished, path) : files.rename(unfinished, path));
        } finally {
            files.delete(unfinished, false);
        }
    }

    private static boolean isLocal(Path path) {
        return "file".equals(path.toUri().getScheme());
    }

    private static java.nio.file.Path local(Path path) {
        return java.nio.file.Path.of(path.toUri().getPath());
    }

    /// Gives a local file a second name. Unlike a rename, this fails if a file of this name exists.
    ///
    /// @return false if it existed
    private boolean link(Path from, Path to) throws IOException {
        try {
            Files.createLink(local(to), local(from));
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        } catch (UnsupportedOperationException | FileSystemException e) {
            return files.rename(from, to); // a file system without links
        }
    }

    /// @param largest the most bytes that the file may have; a device or a pipe is refused, because it has no size
    private byte[] content(Path path, long largest) throws IOException {
        if (isLocal(path) && !Files.isRegularFile(local(path))) {
            throw damaged(path, "it is no regular file");
        }
        long bytes = files.getFileStatus(path).getLen();
        if (bytes > largest) {
            throw damaged(path, "it has %,d bytes, more than any that a run writes".formatted(bytes));
        }
        if (bytes > Runtime.getRuntime().maxMemory() / 4) {
            throw Refusal.failure(("%s has %,d bytes, too many for the memory of this driver; give it more"
                            + " (--driver-memory), or begin anew with --mode overwrite if somebody edited that file")
                    .formatted(path, bytes));
        }
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
        } catch (IOException | FSError e) { // Hadoop's local file system throws an Error if a disk is full
            throw Refusal.failure(
                    "--output %s: %s. Once that is mended, the same command goes on"
                            .formatted(output, Failures.firstLine(e)),
                    e);
        }
    }
}
