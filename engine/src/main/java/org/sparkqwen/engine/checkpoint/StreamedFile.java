package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.sparkqwen.engine.disk.DirectReads;
import org.sparkqwen.engine.disk.MappedPages;

/// A packed file of which some ranges are not mapped, but read into memory that they share with each other: what is
/// larger than memory goes through a few slots.
///
/// A slot's memory stays the process's own, and reading does not go through the page cache where the file system allows
/// it, see [DirectReads]. Elsewhere what was read there is copied, and given back at once.
public final class StreamedFile implements PackedTensors {
    private final PackedFile file;
    private final List<Range> ranges;
    private final Arena arena = Arena.ofShared();
    private final List<MemorySegment> slots;
    private final MappedPages pages;
    private final Optional<DirectReads> direct;

    /// Bytes of a packed file's data that are read together.
    ///
    /// @param from where a tensor begins
    /// @param to where a tensor ends
    /// @param slot where they are read to, from 0 on; what was there is gone
    public record Range(long from, long to, int slot) {
        public long bytes() {
            return to - from;
        }

        boolean has(PackedTensor tensor) {
            return tensor.offset() >= from && tensor.offset() + tensor.bytes() <= to;
        }
    }

    /// @param file closed with this, but not if this throws
    /// @param ranges that do not overlap
    public StreamedFile(PackedFile file, List<Range> ranges) {
        this(file, ranges, ranges.isEmpty() ? Optional.empty() : DirectReads.open(file.path()));
    }

    /// @param direct the same file, if it can be read past the page cache
    StreamedFile(PackedFile file, List<Range> ranges, Optional<DirectReads> direct) {
        this.file = file;
        this.ranges = List.copyOf(ranges);
        this.direct = direct;
        slots = slots();
        pages = file.pages();
    }

    private List<MemorySegment> slots() {
        int count = ranges.stream().mapToInt(Range::slot).max().orElse(-1) + 1;
        try {
            return IntStream.range(0, count)
                    .mapToObj(slot -> arena.allocate(slotBytes(slot), DirectReads.BLOCK))
                    .toList();
        } catch (OutOfMemoryError e) {
            arena.close();
            direct.ifPresent(DirectReads::close);
            throw e;
        }
    }

    /// Room for the largest range of a slot, and for the rest of the block with which it ends.
    private long slotBytes(int slot) {
        long largest = ranges.stream()
                .filter(range -> range.slot() == slot)
                .mapToLong(Range::bytes)
                .max()
                .orElse(0);
        return blocks(largest);
    }

    private static long blocks(long bytes) {
        return Math.ceilDiv(bytes, DirectReads.BLOCK) * DirectReads.BLOCK;
    }

    @Override
    public PackedLayout layout() {
        return file.layout();
    }

    /// Of a tensor in a range, what is in its slot.
    @Override
    public MemorySegment data(PackedTensor tensor) {
        return ranges.stream()
                .filter(range -> range.has(tensor))
                .findFirst()
                .map(range -> slots.get(range.slot()).asSlice(tensor.offset() - range.from(), tensor.bytes()))
                .orElseGet(() -> file.data(tensor))
                .asReadOnly();
    }

    @Override
    public void check(PackedTensor tensor) {
        file.check(tensor, data(tensor));
    }

    /// Reads a range into its slot, and returns when that is done, or soon after `cancelled`.
    ///
    /// @throws IllegalStateException if the disk fails, or someone has cut the file short
    public void read(Range range, MappedPages.Cancelled cancelled) {
        MemorySegment slot = slots.get(range.slot());
        if (direct.isPresent()) {
            direct.get().read(file.position(range.from()), slot.asSlice(0, blocks(range.bytes())), cancelled);
            return;
        }
        for (long done = 0; done < range.bytes() && !cancelled.now(); done += DirectReads.PIECE_BYTES) {
            long from = range.from() + done;
            long count = Math.min(DirectReads.PIECE_BYTES, range.bytes() - done);
            pages.read(from, from + count, cancelled);
            slot.asSlice(done, count).copyFrom(file.data(from, count));
            pages.release(from, from + count);
        }
    }

    /// The pages of what is mapped, closed with this.
    public MappedPages pages() {
        return pages;
    }

    @Override
    public void close() {
        direct.ifPresent(DirectReads::close);
        pages.close();
        arena.close();
        file.close();
    }
}
