package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.sparkqwen.engine.disk.CacheTrust;
import org.sparkqwen.engine.disk.MakingLock;
import org.sparkqwen.engine.disk.UseLock;

/// An entry of the cache that takes space: a packed file, the copy of a model, or what a killed process has left of
/// either.
///
/// @param path a file or a directory
/// @param finished whether it is complete; if not, some process may be making it
/// @param lastUse time of the last use, or of the last work on it
record CacheEntry(Path path, boolean finished, long bytes, Instant lastUse) {
    static final String MODELS = "models";
    static final String PART = ".part";
    static final String PACKED = ".packed";
    static final String PACKING = ".tmp";

    /// The name's ending of an entry that is being deleted, and that anyone may delete.
    private static final String EVICTED = ".evicted";

    private static final String KEY = "[0-9a-f]{64}";

    /// Lists all entries of `cache`, in no order, except those in directories that others may write to. Entries
    /// that change meanwhile may be left out.
    static List<CacheEntry> in(Path cache) throws IOException {
        List<CacheEntry> entries = new ArrayList<>();
        for (Path path : list(cache)) {
            String name = String.valueOf(path.getFileName());
            if (name.matches(KEY + "(%s|%s)".formatted(PACKED, PACKING))) {
                entries.add(of(path, name.endsWith(PACKED)));
            }
        }
        for (Path path : list(cache.resolve(MODELS))) {
            String name = String.valueOf(path.getFileName());
            if (name.matches(KEY + "(%s)?".formatted(PART))) {
                entries.add(of(path, !name.endsWith(PART)));
            } else if (name.endsWith(EVICTED)) {
                delete(path);
            }
        }
        return entries;
    }

    private static List<Path> list(Path directory) throws IOException {
        if (!Files.isDirectory(directory)
                || CacheTrust.doubtOfDirectory(directory).isPresent()) {
            return List.of();
        }
        try (Stream<Path> content = Files.list(directory)) {
            return content.toList();
        }
    }

    private static CacheEntry of(Path path, boolean finished) throws IOException {
        long bytes = 0;
        Instant newest = Instant.EPOCH;
        for (Path file : Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS) ? list(path) : List.of(path)) {
            BasicFileAttributes attributes =
                    Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            bytes += attributes.size();
            Instant changed = attributes.lastModifiedTime().toInstant();
            newest = changed.isAfter(newest) ? changed : newest;
        }
        Path use = useOf(path);
        Instant lastUse = Files.isRegularFile(use, LinkOption.NOFOLLOW_LINKS)
                ? Files.getLastModifiedTime(use, LinkOption.NOFOLLOW_LINKS).toInstant()
                : newest;
        return new CacheEntry(path, finished, bytes, lastUse);
    }

    /// The file whose lock the users of `path` hold.
    static Path useOf(Path path) {
        return sibling(path, ".use");
    }

    /// The file whose lock the maker of `path` holds.
    static Path lockOf(Path path) {
        return sibling(path, ".lock");
    }

    private static Path sibling(Path path, String ending) {
        String name = String.valueOf(path.getFileName());
        return path.resolveSibling(name.substring(0, Math.min(64, name.length())) + ending);
    }

    /// Deletes the entry, unless some process uses or makes it.
    ///
    /// @return whether it is gone
    boolean evict() throws IOException {
        return finished ? UseLock.ifUnused(useOf(path), this::remove) : MakingLock.ifFree(lockOf(path), this::remove);
    }

    private void remove() throws IOException {
        remove(path);
    }

    /// Deletes a file or directory. A directory is renamed first, so that whoever finds it finds all of it. Of a
    /// link, only the link itself is deleted.
    static void remove(Path path) throws IOException {
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            Path evicted = path.resolveSibling(path.getFileName() + EVICTED);
            delete(evicted);
            Files.move(path, evicted, StandardCopyOption.ATOMIC_MOVE);
            delete(evicted);
        } else {
            Files.deleteIfExists(path);
        }
    }

    private static void delete(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> content = Files.walk(path)) {
            for (Path each : content.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        }
    }
}
