package org.sparkqwen.job.run;

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
import java.util.UUID;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Options.CreateFileOptionKeys;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// The files of a run's state: JSON in a directory that only its owner can access, most of it numbered.
///
/// A file appears whole or not at all, and is never replaced. A store like S3 ensures that by itself, if it is asked to
/// create only what does not exist yet. Elsewhere a file is written under another name and renamed, and no file system
/// that Spark writes to does that by half for one small file. Each file has its own checksum, see [SealedJson], and a
/// file that does not match it is refused by name.
final class StateFiles {
    /// The most bytes of a file of the state. No run writes a larger one, so it is not read.
    static final long LARGEST_FILE = 64L << 20;

    /// The most bytes of a plan, which names every file of the input.
    static final long LARGEST_PLAN = 1L << 30;

    private static final FsPermission OWNER_ALONE = new FsPermission((short) 0700);

    private final FileSystem files;
    private final Path output;
    private final Path directory;
    private boolean restricted;

    /// @param output the output that has the state, for messages
    /// @param directory the directory of the files
    StateFiles(FileSystem files, Path output, Path directory) {
        this.files = files;
        this.output = output;
        this.directory = directory;
    }

    /// Returns the path of a file or a directory of the state.
    Path path(String name) {
        return new Path(directory, name);
    }

    /// Returns a directory of the state, and creates it if it does not exist.
    Path directory(String name) {
        Path named = path(name);
        prepare(named);
        return named;
    }

    /// Creates a directory of the state, and restricts the state to its owner. A store whose files appear when they
    /// are closed has neither directories nor their permissions.
    private void prepare(Path parent) {
        attempt(() -> {
            if (!files.hasPathCapability(parent, CreateFileOptionKeys.FS_OPTION_CREATE_IN_CLOSE)) {
                if (!files.exists(parent) && !files.mkdirs(parent)) {
                    throw new IOException("the directory cannot be created, perhaps because you may not write there");
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

    /// Returns the files of a kind that exist, in the order of their numbers.
    List<Path> numbered(String kind) {
        return attempt(() -> {
            Path parent = path(kind);
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

    /// Returns the path of a file of a kind, which need not exist.
    Path numbered(String kind, int number) {
        return path("%s/%05d.json".formatted(kind, number));
    }

    /// Reads the files of a kind in the order of their numbers.
    ///
    /// @param largest the most bytes that each may have
    /// @param sealed whether each must match its checksum
    /// @throws Refusal if one is missing, damaged or too large
    <T> List<T> readAll(String kind, Class<T> type, long largest, boolean sealed) {
        List<T> all = new ArrayList<>();
        for (Path path : numbered(kind)) {
            if (!path.equals(numbered(kind, all.size()))) {
                throw Refusal.failure(
                        "%s is missing; begin anew with --mode overwrite".formatted(numbered(kind, all.size())));
            }
            all.add(parse(path, attempt(() -> content(path, largest)), type, sealed));
        }
        return all;
    }

    /// Reads the content of a file.
    ///
    /// @param sealed whether it must match its checksum
    /// @throws Refusal if it is damaged
    static <T> T parse(Path path, byte[] content, Class<T> type, boolean sealed) {
        try {
            return SealedJson.read(content, type, sealed);
        } catch (IOException e) {
            throw damaged(path, String.valueOf(e.getMessage()), e);
        }
    }

    /// Says what is wrong with a file of the state.
    static Refusal damaged(Path path, String how) {
        return damaged(path, how, null);
    }

    static Refusal damaged(Path path, String how, @Nullable Throwable cause) {
        String message = "%s is damaged or was edited: %s; bring back what it was, or begin anew with --mode overwrite"
                .formatted(path, Quote.line(how));
        return cause == null ? Refusal.failure(message) : Refusal.failure(message, cause);
    }

    /// Writes a file that does not exist yet.
    ///
    /// @throws Refusal if it exists, because another run has written it
    void write(Path path, Object value) {
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
    byte[] content(Path path, long largest) throws IOException {
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

    /// An access to the files of the output.
    interface Access<T> {
        T run() throws IOException;
    }

    /// Returns what an access gives.
    ///
    /// @throws Refusal if it fails
    <T> T attempt(Access<T> access) {
        return attempt(output, access);
    }

    /// Returns what an access gives.
    ///
    /// @param output the directory that a message names
    /// @throws Refusal if it fails
    static <T> T attempt(Path output, Access<T> access) {
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
