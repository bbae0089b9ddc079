package org.sparkqwen.job.input;

import java.io.File;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.storage.LocaleEncoding;

/// All files below a path of a local file system, in the order of [FileSystem#listFiles]. That method itself asks for
/// the permissions of each file, for which Hadoop starts a process. And it passes over files whose names the JVM cannot
/// decode, which are refused here.
final class LocalListing implements RemoteIterator<FileStatus> {
    /// The characters by which the JVM replaces what it cannot decode.
    private static final Pattern UNDECODED = Pattern.compile("[?\uFFFD]");

    private final LocalFileSystem files;
    private final Deque<Iterator<FileStatus>> open = new ArrayDeque<>(); // the innermost directory first
    private @Nullable FileStatus next;

    LocalListing(LocalFileSystem files, Path root) throws IOException {
        this.files = files;
        FileStatus first = files.getFileStatus(root);
        open.push(first.isFile() ? List.of(first).iterator() : list(root));
    }

    private Iterator<FileStatus> list(Path directory) throws IOException {
        File local = files.pathToFile(directory);
        String[] names = local.list();
        for (String name : names == null ? new String[0] : names) {
            if (UNDECODED.matcher(name).find() && !new File(local, name).exists()) {
                throw new IOException(LocaleEncoding.ofProcess().undecoded(name));
            }
        }
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
