package org.sparkqwen.engine.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A host's packed models: one file for each checkpoint and layout, made by the first process that needs it.
///
/// A file's name is the sha256 of what it is made of and how: of the safetensors' sha256, the format's version, and the
/// tensors' forms and shapes. So it is never out of date, and may be deleted at any time. While one process writes, to
/// another name, the others wait; the finished file appears at once. A file that is mapped is not evicted.
public final class PackedCache {
    private static final Logger LOG = LoggerFactory.getLogger(PackedCache.class);

    private final Path directory;

    /// @param directory need not exist
    public PackedCache(Path directory) {
        this.directory = directory;
    }

    /// Maps the packed file of `plan`, if there is one.
    ///
    /// @throws InvalidModelException if it is damaged
    public Optional<PackedFile> find(PackingPlan plan) {
        Path file = file(plan);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        UseLock use = UseLock.share(CacheEntry.useOf(file));
        if (!Files.isRegularFile(file)) { // until a moment ago it was
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

    /// A packed file, and whether it had to be made.
    public record Opened(PackedFile file, boolean made) {}

    /// Maps the packed file of `plan`, and makes it first where there is none or a damaged one.
    ///
    /// @throws PackingException if it cannot be made
    public Opened open(PackingPlan plan, PackingProgress progress) throws PackingException {
        try {
            Optional<PackedFile> found = find(plan);
            if (found.isPresent()) {
                return new Opened(found.get(), false);
            }
        } catch (InvalidModelException e) {
            LOG.warn("{}; this one does", e.getMessage());
        }
        try {
            Files.createDirectories(directory);
            boolean made = make(plan, progress);
            return new Opened(find(plan).orElseThrow(() -> new IOException("what was packed is gone")), made);
        } catch (PackingException e) {
            throw e;
        } catch (IOException e) {
            throw new PackingException(directory, e);
        }
    }

    /// Returns whether that was necessary: another process may have made the file meanwhile.
    private boolean make(PackingPlan plan, PackingProgress progress) throws IOException {
        Path temporary = directory.resolve(plan.key() + CacheEntry.PACKING);
        try (MakingLock _ = MakingLock.acquire(CacheEntry.lockOf(file(plan)), "packs the same model")) {
            if (isSound(plan)) {
                return false;
            }
            Files.deleteIfExists(temporary); // of a process that was killed
            CacheEviction.makeRoom(directory, plan.bytes());
            plan.write(temporary, progress);
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
