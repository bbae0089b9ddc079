package org.sparkqwen.engine.hostcache;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.disk.CacheTrust;

/// A directory into which files are copied by ranges. A journal, `.ranges`, lists the ranges that are there, so that
/// the next process after a killed one copies the rest alone. Only the holder of a lock may use it.
///
/// The journal is not a promise: after a power failure it may list ranges that the disk lost. A copy is not trusted
/// before the sha256 of every file is compared.
final class PartialCopy {
    private static final Logger LOG = LoggerFactory.getLogger(PartialCopy.class);

    private static final String JOURNAL = ".ranges";
    private static final Pattern LINE = Pattern.compile("(%s) (\\d{1,18})".formatted(ModelFile.NAME));

    private final Path directory;

    /// @param directory made if it does not exist
    /// @throws IOException if it cannot be made
    PartialCopy(Path directory) throws IOException {
        this.directory = directory;
        Optional<String> doubt = CacheTrust.doubtOfCopy(directory);
        if (doubt.isPresent()) {
            LOG.warn("{}; what was copied before is not used", doubt.get());
            CacheEntry.remove(directory);
        } else if (!Files.exists(directory.resolve(JOURNAL))) {
            CacheEntry.remove(directory); // nothing tells what is there, and it may be finished and not writable
        }
        CacheTrust.makeDirectory(directory);
    }

    Path directory() {
        return directory;
    }

    /// The ranges that are not there.
    ///
    /// @param bytes size of each file, by name
    List<FileRange> missing(Map<String, Long> bytes) throws IOException {
        Set<String> present = journal();
        List<FileRange> missing = new ArrayList<>();
        for (Map.Entry<String, Long> file : bytes.entrySet()) {
            long there = size(file.getKey());
            for (FileRange range : FileRange.of(file.getKey(), file.getValue())) {
                if (!present.contains(line(range)) || there < range.from() + range.bytes()) {
                    missing.add(range);
                }
            }
        }
        return missing;
    }

    /// The bytes of the ranges that are not there.
    long missingBytes(Map<String, Long> bytes) throws IOException {
        long missing = bytes.values().stream().mapToLong(Long::longValue).sum();
        for (String line : journal()) {
            Matcher matcher = LINE.matcher(line);
            if (matcher.matches()) {
                String name = matcher.group(1);
                long rest = bytes.getOrDefault(name, 0L) - Long.parseLong(matcher.group(2));
                long there = Math.clamp(rest, 0, FileRange.MAX_BYTES);
                missing -= there <= size(name) ? there : 0;
            }
        }
        return missing;
    }

    /// The bytes of a file; -1 if there is none.
    private long size(String name) throws IOException {
        Path path = directory.resolve(name);
        return Files.isRegularFile(path) ? Files.size(path) : -1;
    }

    /// The lines of the journal. A line that a killed process did not end is left out, because it might be the
    /// beginning of another.
    private Set<String> journal() throws IOException {
        Path journal = directory.resolve(JOURNAL);
        if (!Files.exists(journal)) {
            return Set.of();
        }
        String text = new String(Files.readAllBytes(journal), UTF_8);
        return new HashSet<>(
                text.substring(0, text.lastIndexOf('\n') + 1).lines().toList());
    }

    private static String line(FileRange range) {
        return "%s %d".formatted(range.file(), range.from());
    }

    /// Copies `ranges`.
    ///
    /// @throws IOException if one cannot be read or written; the others that were done are kept
    /// @throws CancellationException if the thread is interrupted
    void copy(List<FileRange> ranges, RangeSource source, PackingProgress progress) throws IOException {
        ExecutorService threads = Executors.newFixedThreadPool(
                source.threads(),
                Thread.ofPlatform().name("model-copy-", 0).daemon().factory());
        Path path = directory.resolve(JOURNAL);
        try (FileChannel journal = FileChannel.open(
                path,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE,
                StandardOpenOption.APPEND,
                LinkOption.NOFOLLOW_LINKS)) {
            journal.write(ByteBuffer.wrap(new byte[] {'\n'})); // ends what a killed process did not
            ExecutorCompletionService<FileRange> running = new ExecutorCompletionService<>(threads);
            source.order(ranges).forEach(range -> running.submit(() -> copy(range, source)));
            for (int i = 0; i < ranges.size(); i++) {
                FileRange done = running.take().get();
                journal.write(ByteBuffer.wrap((line(done) + "\n").getBytes(UTF_8)));
                progress.advance(done.bytes());
            }
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case IOException failure -> throw failure;
                case RuntimeException failure -> throw failure;
                case null, default -> throw new IOException(e.getCause());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            CancellationException cancelled = new CancellationException("interrupted while copying a model");
            cancelled.initCause(e);
            throw cancelled;
        } finally {
            threads.shutdownNow();
            threads.close(); // waits for those that are writing
        }
    }

    private FileRange copy(FileRange range, RangeSource source) throws IOException {
        Path path = directory.resolve(range.file());
        Path folder = Objects.requireNonNull(path.getParent());
        if (!folder.equals(directory)) {
            CacheTrust.makeDirectory(folder);
        }
        try (FileChannel file = FileChannel.open(
                path, StandardOpenOption.WRITE, StandardOpenOption.CREATE, LinkOption.NOFOLLOW_LINKS)) {
            long end = range.from() + range.bytes();
            long[] at = {range.from()};
            source.read(range, bytes -> {
                if (bytes.remaining() > end - at[0]) {
                    throw new IOException("%s: more bytes come than it has".formatted(range.file()));
                }
                while (bytes.hasRemaining()) {
                    at[0] += file.write(bytes, at[0]);
                }
            });
            if (at[0] != end) {
                throw new IOException("%s: ends at byte %,d instead of %,d".formatted(range.file(), at[0], end));
            }
        }
        return range;
    }

    /// Forgets the ranges of a file, so that all of it is copied again.
    void forget(String name) throws IOException {
        Set<String> kept = new HashSet<>(journal());
        kept.removeIf(line -> line.startsWith(name + " "));
        Files.deleteIfExists(directory.resolve(name));
        Files.writeString(directory.resolve(JOURNAL), String.join("\n", kept) + "\n");
    }

    /// Completes the copy: it goes down to the disk, without a journal, and nobody has the permission to write to
    /// it again.
    void finish(Set<String> names) throws IOException {
        for (String name : names) {
            try (FileChannel file = FileChannel.open(directory.resolve(name), StandardOpenOption.READ)) {
                file.force(true);
            }
        }
        Files.deleteIfExists(directory.resolve(JOURNAL));
        for (String name : names) {
            CacheTrust.finish(directory.resolve(name));
        }
    }
}
