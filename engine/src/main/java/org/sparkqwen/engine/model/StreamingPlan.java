package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.StreamedFile;

/// A plan of which weights of a model stay in memory, and which are read from the disk for each batch.
///
/// A batch uses the parts of a model in turn: the embedding, the layers, and a head of its own. If they do not all fit,
/// about the same share of every layer stays, and the rest is read while the part before it computes, so the disk has
/// as much to do beside each layer. The rests use two slots in turns. The embedding stays whole, because a batch reads
/// few of its rows, and those are anywhere.
///
/// @param parts in the order of use; after the last comes the first again
/// @param memory bytes that weights may take
/// @param overlapping whether a part is read while another computes; false if memory does not hold two of them
public record StreamingPlan(List<Part> parts, long memory, boolean overlapping) {
    /// The accuracy of the share that stays.
    private static final double ACCURACY = 0.001;

    public StreamingPlan {
        parts = List.copyOf(parts);
    }

    /// A part of the model: a range of bytes of a packed file's data.
    ///
    /// @param from start of the part
    /// @param kept end of what stays in memory, and start of what is read for each batch
    /// @param to end of the part
    public record Part(long from, long kept, long to) {
        public long keptBytes() {
            return kept - from;
        }

        public long streamedBytes() {
            return to - kept;
        }
    }

    /// @param tensors the tensors of the model
    /// @param layout where all of them are packed
    /// @param memory bytes that weights may take
    static StreamingPlan of(TensorPlan tensors, PackedLayout layout, long memory) {
        List<List<PackedTensor>> all = new ArrayList<>();
        all.add(packed(layout, Stream.of(tensors.embedding())));
        for (LayerTensors layer : tensors.layers()) {
            all.add(packed(layout, layer.all()));
        }
        if (tensors.hasSeparateHead()) {
            all.add(packed(layout, Stream.of(tensors.head())));
        }
        List<Part> whole = all.stream().map(StreamingPlan::whole).toList();
        if (layout.bytes() <= memory) {
            return new StreamingPlan(whole, memory, true);
        }
        StreamingPlan best = new StreamingPlan(parts(all, 0), memory, false);
        double fits = 0;
        double doesNot = 1;
        for (double share = 0; doesNot - fits > ACCURACY; share = (fits + doesNot) / 2) {
            StreamingPlan plan = new StreamingPlan(evened(parts(all, share)), memory, true);
            if (plan.keptBytes() + plan.slotBytes() <= memory) {
                best = plan;
                fits = share;
            } else {
                doesNot = share;
            }
        }
        return best;
    }

    private static List<PackedTensor> packed(PackedLayout layout, Stream<PlannedTensor> planned) {
        return planned.map(tensor -> layout.find(tensor.name()).orElseThrow())
                .sorted(Comparator.comparingLong(PackedTensor::offset))
                .toList();
    }

    private static Part whole(List<PackedTensor> tensors) {
        PackedTensor last = tensors.getLast();
        return new Part(tensors.getFirst().offset(), last.offset() + last.bytes(), last.offset() + last.bytes());
    }

    /// Cuts each part except the embedding so that its first tensors stay, about `share` of its bytes. If large
    /// tensors make one part miss its share, the parts after it make up for that.
    private static List<Part> parts(List<List<PackedTensor>> all, double share) {
        List<Part> parts = new ArrayList<>();
        double owed = 0;
        for (List<PackedTensor> tensors : all) {
            Part whole = whole(tensors);
            if (parts.isEmpty()) {
                parts.add(whole);
                continue;
            }
            owed += share * whole.keptBytes();
            long kept = whole.keptBytes() <= owed ? whole.to() : whole.from();
            for (PackedTensor tensor : tensors) {
                if (kept < whole.to() && tensor.offset() - whole.from() <= owed) {
                    kept = tensor.offset();
                }
            }
            owed -= kept - whole.from();
            parts.add(new Part(whole.from(), kept, whole.to()));
        }
        return parts;
    }

    /// Makes the number of parts that are read even: the last of an odd number, mostly the head, stays. It would
    /// otherwise have the same slot as the first, which comes after it.
    private static List<Part> evened(List<Part> parts) {
        int[] read = IntStream.range(0, parts.size())
                .filter(part -> parts.get(part).streamedBytes() > 0)
                .toArray();
        if (read.length % 2 != 0) {
            Part last = parts.get(read[read.length - 1]);
            parts.set(read[read.length - 1], new Part(last.from(), last.to(), last.to()));
        }
        return parts;
    }

    /// The range of part `part` that is read for each batch, and its slot; absent if all of it stays. Parts that
    /// follow each other have different slots, if there is room for two.
    Optional<StreamedFile.Range> range(int part) {
        if (!streams(part)) {
            return Optional.empty();
        }
        int before = (int) IntStream.range(0, part).filter(this::streams).count();
        int slot = overlapping ? before % 2 : 0;
        return Optional.of(
                new StreamedFile.Range(parts.get(part).kept(), parts.get(part).to(), slot));
    }

    private boolean streams(int part) {
        return parts.get(part).streamedBytes() > 0;
    }

    /// The ranges of all parts that are read for each batch.
    List<StreamedFile.Range> ranges() {
        return IntStream.range(0, parts.size())
                .mapToObj(this::range)
                .flatMap(Optional::stream)
                .toList();
    }

    /// The bytes of the slots together.
    long slotBytes() {
        List<StreamedFile.Range> ranges = ranges();
        return IntStream.range(0, 2)
                .mapToLong(slot -> ranges.stream()
                        .filter(range -> range.slot() == slot)
                        .mapToLong(StreamedFile.Range::bytes)
                        .max()
                        .orElse(0))
                .sum();
    }

    /// Whether some weights do not fit into memory.
    public boolean streams() {
        return streamedBytes() > 0;
    }

    /// The bytes of all parts together.
    public long bytes() {
        return keptBytes() + streamedBytes();
    }

    /// The bytes that each batch reads from the disk.
    public long streamedBytes() {
        return parts.stream().mapToLong(Part::streamedBytes).sum();
    }

    /// The bytes that are read once and stay.
    public long keptBytes() {
        return parts.stream().mapToLong(Part::keptBytes).sum();
    }
}
