package org.sparkqwen.engine.disk;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;

/// The pages of a packed file's data. It reads a range of them ahead of its use, and gives it back afterwards.
///
/// If the system takes no advice, reading touches every page, and nothing is given back: the system then chooses for
/// itself which pages leave memory. May be used by one thread at a time.
public final class MappedPages implements AutoCloseable {
    /// The bytes of one read call. The disk has this much and as much again to do, and a JVM that wants to change
    /// its own mappings waits no longer than for this.
    private static final long PIECE_BYTES = 8 << 20;

    private final MemorySegment data;
    private final long dataStart;
    private final Optional<PageAdvice> advice;
    private final Optional<LinuxFile> file;

    /// @param data the data, mapped from `path`, from byte `dataStart` of the file on
    public MappedPages(Path path, MemorySegment data, long dataStart, Optional<PageAdvice> advice) {
        this.data = data;
        this.dataStart = dataStart;
        this.advice = advice;
        file = advice.flatMap(system -> LinuxFile.open(path));
    }

    /// Reads bytes `from` to `to` of the data into memory, unless they are there, and returns when they are, or
    /// soon after `cancelled`.
    ///
    /// @throws InternalError if the disk fails, or someone has cut the file short
    public void read(long from, long to, Cancelled cancelled) {
        long start = from;
        while (start < to && !cancelled.now()) {
            long end = Math.min(start + PIECE_BYTES, to);
            readPiece(start, end, Math.min(end + PIECE_BYTES, to));
            start = end;
        }
    }

    /// Whether nobody waits for a range any longer.
    public interface Cancelled {
        boolean now();
    }

    /// Reads `from` to `to`, and has the following bytes up to `next` read meanwhile.
    private void readPiece(long from, long to, long next) {
        if (advice.isPresent()) {
            PageAdvice system = advice.get();
            system.willNeed(pagesAround(system, from, next));
            if (system.populate(pagesAround(system, from, to))) {
                return;
            }
        }
        data.asSlice(from, to - from).load();
    }

    /// Gives back the memory of bytes `from` to `to`, for whole pages that no other process uses. They are read
    /// again when they are used again.
    public void release(long from, long to) {
        if (advice.isEmpty()) {
            return;
        }
        PageAdvice system = advice.get();
        MemorySegment pages = pagesWithin(system, from, to);
        if (pages.byteSize() > 0 && file.isPresent()) {
            long offset = pages.address() - data.address();
            data.asSlice(offset, pages.byteSize()).unload(); // the system forgets no page that is mapped
            file.get().forget(dataStart + offset, pages.byteSize());
        }
    }

    private MemorySegment pagesAround(PageAdvice system, long from, long to) {
        long address = data.address() + from;
        // The first page may begin before the data, in the header, which is mapped too.
        return pages(address - address % system.pageBytes(), data.address() + to);
    }

    private MemorySegment pagesWithin(PageAdvice system, long from, long to) {
        long page = system.pageBytes();
        long first = Math.ceilDiv(data.address() + from, page) * page;
        return pages(first, Math.max(first, (data.address() + to) / page * page));
    }

    @SuppressWarnings("restricted") // addresses only, nothing is read through it
    private static MemorySegment pages(long first, long end) {
        return MemorySegment.ofAddress(first).reinterpret(end - first);
    }

    @Override
    public void close() {
        file.ifPresent(LinuxFile::close);
    }
}
