package org.sparkqwen.engine.checkpoint;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.sparkqwen.engine.disk.DirectReads;
import org.sparkqwen.engine.disk.MappedPages;

/// A packed file some of whose ranges are not mapped, but read into memory that they share with each other, so that
/// weights larger than memory go through a few slots.
///
/// A slot's memory always belongs to the process, and reading does not go through the page cache if the file system
/// allows that, see [DirectReads]. If not, what was read there is copied, and given back at once.
public final class StreamedFile implements PackedTensors {
    private final PackedFile file;
    private final List<Range> ranges;
    private final Arena arena = Arena.ofShared();
    private final List<MemorySegment> slots;
    private final MappedPages pages;
    private final Optional<DirectReads> direct;

    /// A range of a packed file's data that is read as a whole.
    ///
    /// @param from start of a tensor
    /// @param to end of a tensor
    /// @param slot the slot, from 0 on, into which the range is read, and whose old contents are lost
    public record Range(long from, long to, int slot) {
        public long bytes() {
            return to - from;
        }

        boolean has(PackedTensor tensor) {
            return tensor.offset() >= from && tensor.offset() + tensor.bytes() <= to;
        }
    }

    /// @param file closed with this, but not if this throws
    /// @param ranges ranges that do not overlap
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

    /// The bytes for the largest range of a slot, and for the rest of the block with which it ends.
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

    /// The numbers of a tensor; for one in a range, the contents of its slot.
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

    /// The pages of the mapped parts, closed with this.
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
