package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The sha256 of files of weights, remembered so that a run does not begin with reading gigabytes.
///
/// A cache directory keeps a small stamp for each model, `stamps/<name>`, that holds what `sha256sum` prints. Its
/// name is made of every file's real path, size, time of change and inode: files are the same if those are, as make and
/// rsync judge. Files that changed a moment ago, or while they were read, get no stamp, for a second change might go
/// unnoticed.
final class SourceHashes {
    private static final Logger LOG = LoggerFactory.getLogger(SourceHashes.class);

    /// Longer than the steps of any file system's clock.
    private static final Duration MOMENT = Duration.ofSeconds(2);

    private static final int MAX_STAMP_BYTES = 1 << 20;

    private final @Nullable Path stamps;

    /// @param cache a directory, which need not exist; null to remember nothing
    SourceHashes(@Nullable Path cache) {
        stamps = cache == null ? null : cache.resolve("stamps");
    }

    /// `files` with their sha256, in their order.
    ///
    /// @throws UncheckedIOException if a file cannot be read
    List<SourceFile> of(List<Path> files) {
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

    /// Whether a file that changed then may be known by its time: one that changed a moment ago might change again,
    /// with the same time.
    static boolean isSettled(Instant changed) {
        return changed.isBefore(Instant.now().minus(MOMENT));
    }

    /// Like [#of], if that needs no reading.
    Optional<List<SourceFile>> remembered(List<Path> files) {
        try {
            return read(files, Identity.of(files));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Remembers what is known of files that nobody changes: those of the cache itself.
    void remember(List<Path> files, List<SourceFile> sources) throws IOException {
        if (stamps != null) {
            write(stamps, Identity.of(files), sources);
        }
    }

    private static String name(Path file) {
        return String.valueOf(file.getFileName());
    }

    /// A stamp that is not what it should be is as good as none.
    private Optional<List<SourceFile>> read(List<Path> files, Identity identity) throws IOException {
        if (stamps == null) {
            return Optional.empty();
        }
        Path stamp = stamps.resolve(identity.digest());
        if (!Files.isRegularFile(stamp) || !Files.isReadable(stamp) || Files.size(stamp) > MAX_STAMP_BYTES) {
            return Optional.empty();
        }
        List<String> lines = Files.readAllLines(stamp);
        List<SourceFile> sources = new ArrayList<>();
        for (Path file : files) {
            String line = sources.size() < lines.size() ? lines.get(sources.size()) : "";
            if (!line.matches(SourceFile.SHA256 + "  .*") || !line.endsWith("  " + name(file))) {
                return Optional.empty();
            }
            sources.add(new SourceFile(name(file), line.substring(0, 64)));
        }
        return Optional.of(List.copyOf(sources));
    }

    /// Under another name first: who reads a stamp finds all of it or none. Without a stamp things are slower, no
    /// more.
    private static void write(Path stamps, Identity identity, List<SourceFile> sources) {
        StringBuilder lines = new StringBuilder();
        sources.forEach(lines::append);
        try {
            Files.createDirectories(stamps);
            Path temporary = Files.createTempFile(stamps, "stamp", ".tmp");
            Files.writeString(temporary, lines);
            Files.move(temporary, stamps.resolve(identity.digest()), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            LOG.debug("no stamp in {}", stamps, e);
        }
    }

    /// What tells a model's files from others without reading them.
    ///
    /// @param newest when the last of them changed
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
