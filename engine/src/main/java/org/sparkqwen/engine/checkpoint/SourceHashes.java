package org.sparkqwen.engine.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.disk.CacheTrust;

/// The sha256 of weight files, remembered so that a run does not begin with reading gigabytes.
///
/// A cache directory keeps a small stamp for each model, `stamps/<name>`, that holds what `sha256sum` prints. Its name
/// is made of every file's real path, size, time of change and inode: like make and rsync, this takes files for the
/// same if those are. Files that changed a moment ago, or while they were read, get no stamp, because a second change
/// might go unnoticed. A stamp counts only if nobody but this user and root can have written it, see [CacheTrust].
public final class SourceHashes {
    private static final Logger LOG = LoggerFactory.getLogger(SourceHashes.class);

    /// The time after which a file counts as settled: longer than the steps of any file system's clock.
    private static final Duration MOMENT = Duration.ofSeconds(2);

    private static final int MAX_STAMP_BYTES = 1 << 20;

    private static final String STAMPS = "stamps";

    private final @Nullable Path stamps; // null if nothing is remembered

    /// @param cache a directory, which need not exist; null to remember nothing
    public SourceHashes(@Nullable Path cache) {
        stamps = cache == null || isDoubtful(cache) || isDoubtful(cache.resolve(STAMPS)) ? null : cache.resolve(STAMPS);
    }

    private static boolean isDoubtful(Path directory) {
        Optional<String> doubt = CacheTrust.doubtOfDirectory(directory);
        doubt.ifPresent(why -> LOG.info("no sha256 of weights are remembered, because {}", why));
        return doubt.isPresent();
    }

    /// Returns `files` with their sha256, in their order.
    ///
    /// @throws UncheckedIOException if a file cannot be read
    public List<SourceFile> of(List<Path> files) {
        try {
            Identity before = Identity.of(files);
            Optional<List<SourceFile>> remembered = read(files, before);
            if (remembered.isPresent()) {
                return remembered.get();
            }
            List<SourceFile> sources = files.parallelStream()
                    .map(file -> new SourceFile(name(file), Sha256.of(file)))
                    .toList();
            if (stamps != null
                    && isSettled(before.newest())
                    && Identity.of(files).equals(before)) {
                write(stamps, before, sources);
            }
            return sources;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Whether a file with this time of change may be recognized by it. A file that changed a moment ago might
    /// change again, with the same time.
    public static boolean isSettled(Instant changed) {
        return changed.isBefore(Instant.now().minus(MOMENT));
    }

    /// Returns the files with their sha256 like [#of], if that needs no reading.
    public Optional<List<SourceFile>> remembered(List<Path> files) {
        try {
            return read(files, Identity.of(files));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Remembers the sha256 of files that nobody changes: those of the cache itself.
    public void remember(List<Path> files, List<SourceFile> sources) throws IOException {
        if (stamps != null) {
            write(stamps, Identity.of(files), sources);
        }
    }

    private static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    /// Reads a stamp; an invalid one counts as none.
    private Optional<List<SourceFile>> read(List<Path> files, Identity identity) {
        if (stamps == null) {
            return Optional.empty();
        }
        Path stamp = stamps.resolve(identity.digest());
        List<String> lines = lines(stamp);
        if (lines.size() != files.size()) {
            return Optional.empty();
        }
        List<SourceFile> sources = new ArrayList<>();
        for (Path file : files) {
            String line = lines.get(sources.size());
            if (!line.matches(SourceFile.SHA256 + "  .*") || !line.endsWith("  " + name(file))) {
                return Optional.empty();
            }
            sources.add(new SourceFile(name(file), line.substring(0, 64)));
        }
        return Optional.of(List.copyOf(sources));
    }

    /// The lines of a small file that nobody else can have written; empty if it is something else, or cannot be
    /// read.
    public static List<String> lines(Path file) {
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                || CacheTrust.doubtOfFile(file).isPresent()) {
            return List.of();
        }
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            byte[] bytes = in.readNBytes(MAX_STAMP_BYTES + 1);
            return bytes.length > MAX_STAMP_BYTES
                    ? List.of()
                    : new String(bytes, UTF_8).lines().toList();
        } catch (IOException e) {
            LOG.debug("{} cannot be read", file, e);
            return List.of();
        }
    }

    /// Writes a stamp if possible. Without one things are slower, and nothing else changes.
    private static void write(Path stamps, Identity identity, List<SourceFile> sources) {
        StringBuilder lines = new StringBuilder();
        sources.forEach(lines::append);
        try {
            CacheTrust.makeDirectory(stamps);
            replace(stamps.resolve(identity.digest()), lines.toString());
        } catch (IOException e) {
            LOG.debug("no stamp in {}", stamps, e);
        }
    }

    /// Writes a small file atomically: readers find all of it or what was there before.
    public static void replace(Path file, String content) throws IOException {
        Path temporary = Files.createTempFile(
                Objects.requireNonNull(file.toAbsolutePath().getParent()), "stamp", ".tmp");
        try {
            Files.writeString(temporary, content);
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary); // is there if something else, such as a directory, is in its place
        }
    }

    /// The identity of a model's files, taken without reading them.
    ///
    /// @param newest time of the last change of any of them
    private record Identity(String digest, Instant newest) {

        static Identity of(List<Path> files) throws IOException {
            StringBuilder text = new StringBuilder();
            Instant newest = Instant.MIN;
            for (Path file : files) {
                Path real = file.toRealPath();
                BasicFileAttributes attributes = Files.readAttributes(real, BasicFileAttributes.class);
                Instant changed = attributes.lastModifiedTime().toInstant();
                text.append("%s\n%s\n%d\n%s\n%s\n"
                        .formatted(name(file), real, attributes.size(), changed, attributes.fileKey()));
                newest = changed.isAfter(newest) ? changed : newest;
            }
            return new Identity(Sha256.of(text.toString()), newest);
        }
    }
}
