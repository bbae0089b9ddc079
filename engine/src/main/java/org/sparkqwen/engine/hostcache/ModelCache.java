package org.sparkqwen.engine.hostcache;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.checkpoint.Sha256;
import org.sparkqwen.engine.checkpoint.SourceFile;
import org.sparkqwen.engine.checkpoint.SourceHashes;
import org.sparkqwen.engine.disk.CacheTrust;
import org.sparkqwen.engine.disk.MakingLock;
import org.sparkqwen.engine.disk.UseLock;
import org.sparkqwen.engine.gguf.GgufNames;
import org.sparkqwen.engine.message.Quote;

/// A host's copies of models: one directory for each model, named by the sha256 of its files, whichever processes need
/// it and wherever it comes from.
///
/// `models/<key>` is complete and verified. `models/<key>.part` is being made, by the process that holds the lock of
/// `models/<key>.lock`; the others wait. A killed process leaves the ranges that it copied to the next.
///
/// Only files that this user or root wrote are used, see [CacheTrust].
public final class ModelCache {
    private static final Logger LOG = LoggerFactory.getLogger(ModelCache.class);

    /// The number of tries, because another process may evict a copy in the moment between its making and its use.
    private static final int TRIES = 3;

    private final Path cache;
    private final Path models;

    /// @param cache a directory, which need not exist
    public ModelCache(Path cache) {
        this.cache = cache;
        models = cache.resolve(CacheEntry.MODELS);
    }

    /// A copy that is in use, and that is not evicted before it is closed.
    public static final class Copy implements AutoCloseable {
        private final Path directory;
        private final UseLock use;

        private Copy(Path directory, UseLock use) {
            this.directory = directory;
            this.use = use;
        }

        public Path directory() {
            return directory;
        }

        @Override
        public void close() {
            use.close();
        }
    }

    /// Wraps a directory that is not a copy and stays where it is.
    public static Copy inPlace(Path directory) {
        return new Copy(directory, UseLock.NONE);
    }

    /// Opens the copy of `files`, which is made first if there is none.
    ///
    /// @throws ModelCopyException if it cannot be made
    public Copy open(ModelFiles files, RangeSource source, PackingProgress progress) {
        try {
            makeDirectories();
            for (int i = 0; i < TRIES; i++) {
                Path directory = models.resolve(files.key());
                UseLock use = UseLock.share(CacheEntry.useOf(directory));
                if (isWhole(directory, files)) {
                    return new Copy(directory, use);
                }
                use.close();
                make(directory, files, source, progress);
            }
            throw new ModelCopyException(
                    "%s: the copy of the model is evicted again and again; a larger --cache-size".formatted(models)
                            + " helps");
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private void makeDirectories() throws IOException {
        CacheTrust.makeDirectory(cache);
        CacheTrust.makeDirectory(models);
    }

    /// A model that was fetched from somewhere else.
    public record Fetched(ModelFiles files, Copy copy) {}

    /// Opens the copy of the files of `origin` that the engine reads, which is made first if this host has none.
    ///
    /// @param progress is told of the bytes as they come, separately for the small files and for the weights
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if it is no model
    /// @throws ModelCopyException if it cannot be copied
    public Fetched fetch(ModelOrigin origin, RangeSource source, PackingProgress progress) {
        OriginCopies origins = new OriginCopies(models);
        try {
            makeDirectories();
            ModelFiles files = origins.known(origin).orElse(null);
            if (files == null) {
                files = learn(origin, source, progress);
                origins.remember(origin, files);
            }
            return new Fetched(files, open(files, source, progress));
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private ModelFiles learn(ModelOrigin origin, RangeSource source, PackingProgress progress) throws IOException {
        Path mark = models.resolve(origin.key());
        try (MakingLock _ = MakingLock.acquire(CacheEntry.lockOf(mark), "copies the same model")) {
            PartialCopy part = new PartialCopy(mark.resolveSibling(origin.key() + CacheEntry.PART));
            ModelFiles files = OriginCopies.copy(origin, part, sizes -> fill(part, sizes, source, progress));
            Path directory = models.resolve(files.key());
            if (isWhole(directory, files)) {
                CacheEntry.remove(part.directory()); // came from elsewhere before
            } else {
                CacheEntry.remove(directory);
                finish(part, directory, files);
            }
            return files;
        }
    }

    private ModelCopyException failure(IOException e) {
        return new ModelCopyException(
                "the model cannot be copied into %s: %s; another directory can be named with --cache-dir"
                        .formatted(Quote.line(models.toString()), PackingException.reason(e)),
                e);
    }

    /// Whether a copy is complete, by the files' sizes: their bytes were verified before the directory got its
    /// name, and nobody else can have changed them.
    private static boolean isWhole(Path directory, ModelFiles files) throws IOException {
        if (CacheTrust.doubtOfCopy(directory).isPresent()) {
            return false;
        }
        for (ModelFile file : files.files()) {
            Path path = directory.resolve(file.name());
            if (!Files.isRegularFile(path) || Files.size(path) != file.bytes()) {
                return false;
            }
        }
        return true;
    }

    private void make(Path directory, ModelFiles files, RangeSource source, PackingProgress progress)
            throws IOException {
        try (MakingLock _ = MakingLock.acquire(CacheEntry.lockOf(directory), "copies the same model")) {
            if (isWhole(directory, files)) {
                return; // another process has made it meanwhile
            }
            if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
                String why = CacheTrust.doubtOfCopy(directory).orElse(directory + ": files are missing or cut short");
                LOG.warn("{}; the copy is made again", Quote.line(why));
                CacheEntry.remove(directory);
            }
            PartialCopy part = new PartialCopy(directory.resolveSibling(files.key() + CacheEntry.PART));
            Map<String, Long> sizes = files.files().stream()
                    .collect(Collectors.toMap(ModelFile::name, ModelFile::bytes, (a, b) -> a, TreeMap::new));
            fill(part, sizes, source, progress);
            List<ModelFile> damaged = damaged(part, files);
            if (!damaged.isEmpty()) {
                for (ModelFile file : damaged) {
                    LOG.warn(
                            "{}: the copy of {} is damaged; it is copied again",
                            Quote.line(part.directory().toString()),
                            Quote.of(file.name()));
                    part.forget(file.name());
                }
                fill(part, sizes, source, new Unwatched());
                refuse(damaged(part, files), part);
            }
            finish(part, directory, files);
        }
    }

    private void fill(PartialCopy part, Map<String, Long> sizes, RangeSource source, PackingProgress progress)
            throws IOException {
        long bytes = part.missingBytes(sizes);
        requireRoom(bytes);
        List<FileRange> missing = part.missing(sizes);
        if (!missing.isEmpty()) {
            progress.start(bytes);
            part.copy(missing, source, progress);
        }
    }

    private void requireRoom(long bytes) throws IOException {
        CacheEviction.makeRoom(cache, bytes);
        long usable = CacheEviction.usable(cache);
        if (usable < bytes) {
            throw new ModelCopyException(
                    "%s: the model needs %,d bytes more, and the disk has %,d; free some, or name another with"
                                    .formatted(models, bytes, usable)
                            + " --cache-dir");
        }
    }

    private static List<ModelFile> damaged(PartialCopy part, ModelFiles files) {
        return files.files().parallelStream()
                .filter(file ->
                        !Sha256.of(part.directory().resolve(file.name())).equals(file.sha256()))
                .toList();
    }

    /// Refuses files that were damaged twice. The same or other wrong bytes a second time are no accident of the
    /// transfer.
    private static void refuse(List<ModelFile> damaged, PartialCopy part) throws IOException {
        for (ModelFile file : damaged) {
            String sha256 = Sha256.of(part.directory().resolve(file.name()));
            part.forget(file.name());
            throw new IOException("%s has sha256 %s, not %s as on the driver; did it change?"
                    .formatted(file.name(), sha256, file.sha256()));
        }
    }

    private void finish(PartialCopy part, Path directory, ModelFiles files) throws IOException {
        part.finish(files.files().stream().map(ModelFile::name).collect(Collectors.toSet()));
        Files.move(part.directory(), directory, StandardCopyOption.ATOMIC_MOVE);
        List<ModelFile> weights = files.files().stream()
                .filter(file -> file.name().endsWith(".safetensors")
                        || file.name().endsWith(GgufNames.ENDING)
                        || file.name().equals(PackedFile.NAME))
                .toList();
        if (weights.isEmpty()) {
            return;
        }
        new SourceHashes(cache)
                .remember(
                        weights.stream()
                                .map(file -> directory.resolve(file.name()))
                                .toList(),
                        weights.stream()
                                .map(file -> new SourceFile(file.name(), file.sha256()))
                                .toList());
    }

    /// A progress that nobody watches.
    private static final class Unwatched implements PackingProgress {
        @Override
        public void start(long bytes) {}

        @Override
        public void advance(long bytes) {}
    }
}
