package org.sparkqwen.job.run;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/// A directory of data files, and what else is in it: the output, or the quarantine or a directory of rows within it.
final class DataDirectory {
    private final FileSystem files;
    private final Path path;

    DataDirectory(FileSystem files, Path path) {
        this.files = files;
        this.path = path;
    }

    /// Returns whether the directory is empty or does not exist.
    boolean isEmpty() {
        return attempt(() -> !files.exists(path) || files.listStatus(path).length == 0);
    }

    /// Returns the files and directories in it that readers see.
    List<FileStatus> visible() {
        return attempt(() -> {
            if (!files.exists(path)) {
                return List.of();
            }
            return Arrays.stream(files.listStatus(path))
                    .filter(file -> !isHidden(file.getPath().getName()))
                    .toList();
        });
    }

    private static boolean isHidden(String name) {
        return name.startsWith("_") || name.startsWith(".");
    }

    /// Deletes what Spark's committers leave of interrupted work.
    void discardUnfinished() {
        attempt(() -> {
            for (FileStatus file : list()) {
                if (isLeftByCommitters(file.getPath().getName())) {
                    files.delete(file.getPath(), true);
                }
            }
            return true;
        });
    }

    /// Deletes these files of the directory.
    void discard(Iterable<FileStatus> strays) {
        attempt(() -> {
            for (FileStatus stray : strays) {
                files.delete(stray.getPath(), false);
            }
            return true;
        });
    }

    /// Deletes the data files, and what interrupted work left.
    void deleteData() throws IOException {
        for (FileStatus file : list()) {
            String name = file.getPath().getName();
            if ((file.isFile() && DataFiles.isNameOfOne(name)) || isLeftByCommitters(name)) {
                files.delete(file.getPath(), true);
            }
        }
    }

    /// Returns all that is in the directory; empty if it does not exist.
    List<FileStatus> list() throws IOException {
        try {
            return List.of(files.listStatus(path));
        } catch (FileNotFoundException e) {
            return List.of();
        }
    }

    /// Returns whether Hadoop's committer, or S3A's magic one, leaves this file.
    private static boolean isLeftByCommitters(String name) {
        return name.equals("_temporary") || name.startsWith("__magic");
    }

    /// Returns the present state of a data file.
    StoredFile stored(FileStatus file) {
        return attempt(() -> StoredFile.of(files, file));
    }

    /// Returns how a data file differs from its earlier state; empty if it does not.
    Optional<String> difference(StoredFile before, FileStatus now) {
        return attempt(() -> Optional.ofNullable(before.difference(files, now)));
    }

    private <T> T attempt(StateFiles.Access<T> access) {
        return StateFiles.attempt(path, access);
    }
}
