package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.disk.CacheTrust;
import org.sparkqwen.engine.message.Quote;

/// Deletes entries of a host's cache that were not used for long, or the longest unused if space is needed. It never
/// deletes what a process uses or makes, and nothing of a cache that is not used because others may write to it.
public final class CacheEviction {
    private static final Logger LOG = LoggerFactory.getLogger(CacheEviction.class);

    private static final Duration MAX_AGE = Duration.ofDays(30);

    private CacheEviction() {}

    /// Deletes entries that were not used for thirty days, and then the longest unused until the rest is small
    /// enough.
    ///
    /// @param maxBytes size limit of the whole cache; 0 for half of what the disk would have free without it
    public static void trim(Path cache, long maxBytes) {
        try {
            if (!Files.isDirectory(cache)) {
                return;
            }
            Optional<String> doubt = CacheTrust.doubtOfDirectory(cache);
            if (doubt.isPresent()) {
                LOG.debug("{}: nothing is evicted, because {}", cache, doubt.get());
                return;
            }
            List<CacheEntry> entries = longestUnusedFirst(cache);
            long bytes = entries.stream().mapToLong(CacheEntry::bytes).sum();
            long limit = maxBytes == 0 ? (usable(cache) + bytes) / 2 : maxBytes;
            Instant old = Instant.now().minus(MAX_AGE);
            for (CacheEntry entry : entries) {
                boolean tooOld = entry.lastUse().isBefore(old);
                String why = tooOld ? "unused for 30 days" : "the cache is too large";
                if ((tooOld || bytes > limit) && evict(entry, why)) {
                    bytes -= entry.bytes();
                }
            }
        } catch (IOException e) {
            LOG.warn("{} cannot be looked through: {}", Quote.line(cache.toString()), Quote.line(e.toString()));
        }
    }

    /// Deletes the longest unused entries until the disk has `bytes` free, as far as possible. Deletes nothing if
    /// deleting all of them would not be enough.
    static void makeRoom(Path cache, long bytes) throws IOException {
        List<CacheEntry> entries = longestUnusedFirst(cache);
        long evictable = entries.stream().mapToLong(CacheEntry::bytes).sum();
        if (usable(cache) + evictable < bytes) {
            return;
        }
        for (CacheEntry entry : entries) {
            if (usable(cache) >= bytes) {
                return;
            }
            evict(entry, "its room is needed");
        }
    }

    /// The bytes that the disk of `directory` has free for this process.
    static long usable(Path directory) throws IOException {
        return Files.getFileStore(directory).getUsableSpace();
    }

    private static List<CacheEntry> longestUnusedFirst(Path cache) throws IOException {
        List<CacheEntry> entries = new ArrayList<>(CacheEntry.in(cache));
        entries.sort(Comparator.comparing(CacheEntry::lastUse));
        return entries;
    }

    private static boolean evict(CacheEntry entry, String why) {
        try {
            if (entry.evict()) {
                LOG.info("{} evicted, {} MB: {}", Quote.line(entry.path().toString()), entry.bytes() / 1_000_000, why);
                return true;
            }
        } catch (IOException e) {
            LOG.debug("{} cannot be evicted", entry.path(), e);
        }
        return false;
    }
}
