package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.PackingPlan;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.disk.CacheTrust;
import org.sparkqwen.engine.disk.MakingLock;
import org.sparkqwen.engine.disk.UseLock;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// A host's packed models: one file for each checkpoint and layout, made by the first process that needs it.
///
/// A file's name is the sha256 of what it is made of and how: of the safetensors' sha256, the format's version, and the
/// tensors' forms and shapes. So it is never out of date, and may be deleted at any time. While one process writes,
/// under another name, the others wait; the finished file appears at once. A file that is mapped is not evicted.
///
/// Only files that this user or root wrote are mapped, see [CacheTrust].
public final class PackedCache {
    private static final Logger LOG = LoggerFactory.getLogger(PackedCache.class);

    private final Path directory;

    /// @param directory the cache, which need not exist
    public PackedCache(Path directory) {
        this.directory = directory;
    }

    /// Maps the packed file of `plan`, if there is one that nobody else can have written.
    ///
    /// @throws InvalidModelException if it is damaged
    public Optional<PackedFile> find(PackingPlan plan) {
        Path file = file(plan);
        if (!isTrusted(file)) {
            return Optional.empty();
        }
        UseLock use = UseLock.share(CacheEntry.useOf(file));
        if (!isTrusted(file)) { // until a moment ago it was
            use.close();
            return Optional.empty();
        }
        PackedFile packed = PackedFile.open(file, use);
        if (!plan.made(packed)) {
            packed.close();
            throw PackedFile.damaged(file, "holds other weights than its name says");
        }
        return Optional.of(packed);
    }

    private boolean isTrusted(Path file) {
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                && CacheTrust.doubtOfDirectory(directory).isEmpty()
                && CacheTrust.doubtOfFile(file).isEmpty();
    }

    /// A packed file, and whether it had to be made.
    public record Opened(PackedFile file, boolean made) {}

    /// Maps the packed file of `plan`, and makes it first if there is none or a damaged one.
    ///
    /// @throws PackingException if it cannot be made
    public Opened open(PackingPlan plan, PackingProgress progress) throws PackingException {
        refuseDoubtful();
        try {
            Optional<PackedFile> found = find(plan);
            if (found.isPresent()) {
                return new Opened(found.get(), false);
            }
        } catch (InvalidModelException e) {
            LOG.warn("{}; this one does", Quote.line(e.getMessage()));
        }
        CacheTrust.doubtOfFile(file(plan))
                .ifPresent(doubt -> LOG.warn("{}; it is not used, the weights are packed anew", doubt));
        try {
            CacheTrust.makeDirectory(directory);
            boolean made = make(plan, progress);
            return new Opened(
                    find(plan)
                            .orElseThrow(() -> new IOException(
                                    CacheTrust.doubtOfFile(file(plan)).orElse("what was packed is gone"))),
                    made);
        } catch (PackingException e) {
            throw e;
        } catch (IOException e) {
            throw new PackingException(directory, e);
        }
    }

    /// Refuses a cache that others may write to: what they write there would be trusted, and what is written there
    /// would never be used.
    private void refuseDoubtful() throws PackingException {
        Optional<String> doubt = CacheTrust.doubtOfDirectory(directory);
        if (doubt.isPresent()) {
            throw new PackingException("%s: not used, because %s; another directory can be named with --cache-dir"
                    .formatted(Quote.line(directory.toString()), doubt.get()));
        }
    }

    /// Makes the packed file. Returns whether that was necessary, because another process may have made it
    /// meanwhile.
    private boolean make(PackingPlan plan, PackingProgress progress) throws IOException {
        Path temporary = directory.resolve(plan.key() + CacheEntry.PACKING);
        try (MakingLock _ = MakingLock.acquire(CacheEntry.lockOf(file(plan)), "packs the same model")) {
            if (isSound(plan)) {
                return false;
            }
            CacheEntry.remove(temporary); // of a process that was killed
            CacheEviction.makeRoom(directory, plan.bytes());
            plan.write(temporary, progress);
            if (Files.isDirectory(file(plan), LinkOption.NOFOLLOW_LINKS)) {
                CacheEntry.remove(file(plan));
            }
            Files.move(temporary, file(plan), StandardCopyOption.ATOMIC_MOVE);
            return true;
        }
    }

    private boolean isSound(PackingPlan plan) {
        try {
            Optional<PackedFile> found = find(plan);
            found.ifPresent(PackedFile::close);
            return found.isPresent();
        } catch (InvalidModelException _) {
            return false; // open has said why
        }
    }

    private Path file(PackingPlan plan) {
        return directory.resolve(plan.key() + CacheEntry.PACKED);
    }
}
