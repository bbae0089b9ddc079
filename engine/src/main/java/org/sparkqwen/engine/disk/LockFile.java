package org.sparkqwen.engine.disk;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;

/// A file of a cache whose only purpose is to be locked. It is made if there is none, and opened if it is a regular
/// file. A link is never followed. A pipe, which would wait for its other end, is never opened.
final class LockFile {
    private static final Set<OpenOption> EXISTING =
            Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    private static final Set<OpenOption> NEW = Set.of(
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.CREATE_NEW,
            LinkOption.NOFOLLOW_LINKS);

    /// The number of tries, because another process may make or delete the file between a look and the opening.
    private static final int TRIES = 100;

    private LockFile() {}

    /// @throws IOException if there is something else of that name, or the file cannot be made
    static FileChannel open(Path file) throws IOException {
        for (int i = 0; i < TRIES; i++) {
            try {
                if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                    return FileChannel.open(file, NEW, CacheTrust.ofOwnFiles());
                }
                if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                    throw new IOException("%s should be a file to be locked, and is %s; delete it"
                            .formatted(Quote.line(file.toString()), CacheTrust.kind(file)));
                }
                return FileChannel.open(file, EXISTING);
            } catch (FileAlreadyExistsException | NoSuchFileException _) {
                if (!Files.isDirectory(
                        Objects.requireNonNull(file.toAbsolutePath().getParent()))) {
                    break;
                }
            }
        }
        throw new NoSuchFileException(file.toString());
    }
}
