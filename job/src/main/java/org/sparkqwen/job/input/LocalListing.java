package org.sparkqwen.job.input;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.jspecify.annotations.Nullable;

/// All files below a path of a local file system, in the order of [FileSystem#listFiles]. That method itself asks for
/// the permissions of each file, for which Hadoop starts a process.
final class LocalListing implements RemoteIterator<FileStatus> {
    private final FileSystem files;
    private final Deque<Iterator<FileStatus>> open = new ArrayDeque<>(); // the innermost directory first
    private @Nullable FileStatus next;

    LocalListing(FileSystem files, Path root) throws IOException {
        this.files = files;
        FileStatus first = files.getFileStatus(root);
        open.push(first.isFile() ? List.of(first).iterator() : list(root));
    }

    private Iterator<FileStatus> list(Path directory) throws IOException {
        return Arrays.asList(files.listStatus(directory)).iterator();
    }

    @Override
    public boolean hasNext() throws IOException {
        while (next == null && !open.isEmpty()) {
            if (!open.element().hasNext()) {
                open.remove();
                continue;
            }
            FileStatus found = open.element().next();
            if (found.isFile()) {
                next = found;
            } else {
                open.push(list(found.getPath()));
            }
        }
        return next != null;
    }

    @Override
    public FileStatus next() throws IOException {
        FileStatus found = hasNext() ? next : null;
        if (found == null) {
            throw new NoSuchElementException();
        }
        next = null;
        return found;
    }
}
