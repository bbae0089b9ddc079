package org.sparkqwen.engine.disk;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;

/// Checks that nobody but this user and root can have written what a cache holds.
///
/// The contents of a cache are trusted without being compared with what they were made of, because their checksums
/// stand beside them. So a file or a directory counts only if it belongs to this user or to root, and nobody else may
/// write to it. Nor may anybody else be able to put another one in its place. That applies to every directory above,
/// except those with the sticky bit, such as /tmp, where nobody can rename what belongs to others.
///
/// If the system knows no such owners, everything counts.
public final class CacheTrust {
    private static final int ROOT = 0;
    private static final int WRITE_OF_OTHERS = 0022;
    private static final int STICKY = 01000;
    private static final int PERMISSIONS = 07777;
    private static final int KIND = 0170000;
    private static final int DIRECTORY = 0040000;

    /// The most links that are followed: as many as Linux follows.
    private static final int MAX_LINKS = 40;

    private static final String ATTRIBUTES = "unix:uid,mode,isSymbolicLink";

    private static final boolean KNOWS_OWNERS =
            FileSystems.getDefault().supportedFileAttributeViews().contains("unix");

    /// The permissions for [Files#createDirectories(Path, FileAttribute[])]; the process's umask may take more
    /// away.
    private static final FileAttribute<?>[] OF_DIRECTORIES = permissions("rwxr-xr-x");

    private CacheTrust() {}

    /// The permissions for creating a file that nobody, its owner included, writes to again.
    public static FileAttribute<?>[] ofFinishedFiles() {
        return permissions("r--r--r--");
    }

    /// The permissions for creating a file that only its owner may read and write.
    static FileAttribute<?>[] ofOwnFiles() {
        return permissions("rw-------");
    }

    private static FileAttribute<?>[] permissions(String permissions) {
        return KNOWS_OWNERS
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
                }
                : new FileAttribute<?>[0];
    }

    /// Takes the permission to write to `file` from everyone.
    public static void finish(Path file) throws IOException {
        if (KNOWS_OWNERS) {
            Set<PosixFilePermission> permissions =
                    EnumSet.copyOf(Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS));
            permissions.removeAll(Set.of(
                    PosixFilePermission.OWNER_WRITE,
                    PosixFilePermission.GROUP_WRITE,
                    PosixFilePermission.OTHERS_WRITE));
            Files.setPosixFilePermissions(file, permissions);
        }
    }

    /// Makes `directory` and those above it, unless they exist, so that nobody else may write to them.
    ///
    /// @throws IOException if others may write to it or put another one in its place, with the message of
    ///     [#doubtOfDirectory]
    public static void makeDirectory(Path directory) throws IOException {
        refuse(doubtOfDirectory(directory));
        try {
            Files.createDirectories(directory, OF_DIRECTORIES);
        } catch (FileAlreadyExistsException e) {
            // Java says no more than its name
            throw new IOException(Quote.line(e.getFile()) + " exists and is no directory", e);
        }
        refuse(doubtOfDirectory(directory)); // another process may have made it meanwhile
    }

    private static void refuse(Optional<String> doubt) throws IOException {
        if (doubt.isPresent()) {
            throw new IOException(doubt.get());
        }
    }

    /// The reason, for a person, why the contents of `directory` cannot be trusted: others may write to it, or put
    /// another one in its place. Empty if they can, or if there is no such directory yet.
    public static Optional<String> doubtOfDirectory(Path directory) {
        if (!KNOWS_OWNERS) {
            return Optional.empty();
        }
        try {
            return walk(directory.toAbsolutePath());
        } catch (NoSuchFileException _) {
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("%s cannot be looked at (%s)"
                    .formatted(Quote.line(directory.toString()), Quote.line(e.getMessage())));
        }
    }

    /// Walks through the directories as the system does when it resolves a path, links among them.
    private static Optional<String> walk(Path absolute) throws IOException {
        Path at = Objects.requireNonNull(absolute.getRoot());
        Deque<Path> rest = new ArrayDeque<>();
        absolute.forEach(rest::add);
        Optional<String> doubt = doubtOf(at, Facts.of(at), !rest.isEmpty());
        int links = 0;
        while (doubt.isEmpty() && !rest.isEmpty()) {
            Path name = rest.pop();
            if (name.toString().equals("..")) {
                at = Objects.requireNonNullElse(at.getParent(), at);
                continue;
            }
            Path next = at.resolve(name).normalize();
            Facts facts = Facts.of(next);
            if (!facts.isLink() && !rest.isEmpty() && !facts.isDirectory()) {
                return Optional.empty(); // nothing can be there
            }
            if (!facts.isLink()) {
                doubt = doubtOf(next, facts, !rest.isEmpty());
                at = next;
                continue;
            }
            if (++links > MAX_LINKS) {
                return Optional.of(Quote.line(absolute.toString()) + " has too many links");
            }
            doubt = doubtOfOwner(next, facts);
            Path target = Files.readSymbolicLink(next);
            at = Objects.requireNonNullElse(target.getRoot(), at); // a relative one has none
            for (int i = target.getNameCount() - 1; i >= 0; i--) {
                rest.push(target.getName(i));
            }
        }
        return doubt;
    }

    /// @param isAbove whether the directory is only on the way; then the sticky bit suffices
    private static Optional<String> doubtOf(Path path, Facts facts, boolean isAbove) {
        Optional<String> doubt = doubtOfOwner(path, facts);
        boolean writable = (facts.mode() & WRITE_OF_OTHERS) != 0;
        if (doubt.isPresent() || !writable || (isAbove && (facts.mode() & STICKY) != 0)) {
            return doubt;
        }
        return Optional.of("other users may write to %s (mode %o); %s"
                .formatted(
                        Quote.line(path.toString()),
                        facts.mode() & PERMISSIONS,
                        facts.owner() == User.ID
                                ? "chmod go-w takes that from them"
                                : "root can take that from them with chmod go-w"));
    }

    private static Optional<String> doubtOfOwner(Path path, Facts facts) {
        if (facts.owner() == ROOT || facts.owner() == User.ID) {
            return Optional.empty();
        }
        return Optional.of("%s belongs to another user (%d)".formatted(Quote.line(path.toString()), facts.owner()));
    }

    /// The reason, for a person, why a file of a trusted directory cannot be trusted: it is a link or something
    /// else that is no regular file, belongs to somebody else, or others may write to it. Empty if it can, or if
    /// there is none.
    public static Optional<String> doubtOfFile(Path file) {
        return doubtOf(file, false);
    }

    /// The reason, for a person, why a directory in a trusted one, or anything that lies in it or in its folders,
    /// cannot be trusted. Empty if all can be, or if there is none.
    public static Optional<String> doubtOfCopy(Path directory) throws IOException {
        Optional<String> doubt = doubtOf(directory, true);
        if (doubt.isPresent() || !Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            return doubt;
        }
        for (Path each : content(directory)) {
            Optional<String> doubtOfEach = doubtOfContent(each);
            if (doubtOfEach.isPresent()) {
                return doubtOfEach;
            }
        }
        return Optional.empty();
    }

    private static Optional<String> doubtOfContent(Path path) throws IOException {
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            return doubtOfFile(path);
        }
        Optional<String> doubt = doubtOf(path, true);
        return doubt.isPresent()
                ? doubt
                : content(path).stream()
                        .map(CacheTrust::doubtOfFile)
                        .flatMap(Optional::stream)
                        .findFirst();
    }

    private static List<Path> content(Path directory) throws IOException {
        try (var content = Files.list(directory)) {
            return content.toList();
        }
    }

    private static Optional<String> doubtOf(Path path, boolean directory) {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return Optional.empty();
        }
        boolean isOfItsKind = directory
                ? Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)
                : Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS);
        if (!isOfItsKind) {
            return Optional.of("%s is no regular %s, but %s"
                    .formatted(Quote.line(path.toString()), directory ? "directory" : "file", kind(path)));
        }
        if (!KNOWS_OWNERS) {
            return Optional.empty();
        }
        try {
            return doubtOf(path, Facts.of(path), false);
        } catch (NoSuchFileException _) {
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(
                    "%s cannot be looked at (%s)".formatted(Quote.line(path.toString()), Quote.line(e.getMessage())));
        }
    }

    /// The kind of something that is not what it should be.
    static String kind(Path path) {
        if (Files.isSymbolicLink(path)) {
            return "a link";
        }
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            return "a directory";
        }
        return Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS) ? "a file" : "a pipe, a device or a socket";
    }

    /// The system's facts about a path whose last link is not followed.
    private record Facts(int owner, int mode, boolean isLink) {
        boolean isDirectory() {
            return (mode & KIND) == DIRECTORY;
        }

        static Facts of(Path path) throws IOException {
            Map<String, Object> attributes = Files.readAttributes(path, ATTRIBUTES, LinkOption.NOFOLLOW_LINKS);
            return new Facts(
                    ((Number) value(attributes, "uid")).intValue(),
                    ((Number) value(attributes, "mode")).intValue(),
                    (Boolean) value(attributes, "isSymbolicLink"));
        }

        private static Object value(Map<String, Object> attributes, String name) throws IOException {
            Object value = attributes.get(name);
            if (value == null) {
                throw new IOException("the file system does not say its " + name);
            }
            return value;
        }
    }

    /// The user to whom this process belongs.
    private static final class User {
        static final int ID = id();

        private User() {}

        /// The user's id. Java tells only owners of files: on Linux the directory of a process belongs to its
        /// user, elsewhere the home directory does.
        private static int id() {
            Path own = Path.of("/proc/self");
            Path path = Files.exists(own) ? own : Path.of(System.getProperty("user.home"));
            try {
                return ((Number) Files.getAttribute(path, "unix:uid")).intValue();
            } catch (IOException _) {
                return ROOT; // then nothing but root's counts
            }
        }
    }
}
