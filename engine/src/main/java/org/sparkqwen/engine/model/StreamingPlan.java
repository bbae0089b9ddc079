package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;

/// Which of a model's weights stay in memory, and which are read from the disk for each batch.
///
/// A batch uses the parts of a model in turn: the embedding, the layers, and a head of its own. If they do not all fit,
/// the same share of every layer and of the head stays, and the rest is read while the part before it computes; so the
/// disk has as much to do beside each layer. Of the rest, two parts that follow each other have room at a time. The
/// embedding stays whole: a batch reads few of its rows, and those are anywhere.
///
/// @param parts in the order of use; after the last comes the first again
/// @param memory bytes that weights may take
/// @param overlapping whether a part is read while another computes; false if memory does not hold two of them
public record StreamingPlan(List<Part> parts, long memory, boolean overlapping) {
    public StreamingPlan {
        parts = List.copyOf(parts);
    }

    /// Bytes of a packed file's data.
    ///
    /// @param from where the part begins
    /// @param kept where what stays in memory ends, and what is read for each batch begins
    /// @param to where the part ends
    public record Part(long from, long kept, long to) {
        public long keptBytes() {
            return kept - from;
        }

        public long streamedBytes() {
            return to - kept;
        }
    }

    /// @param layout of all weights of a model with `layers` layers
    /// @param memory bytes that weights may take
    static StreamingPlan of(PackedLayout layout, int layers, long memory) {
        List<Part> whole = new ArrayList<>();
        Part embedding = range(layout, TensorPlan.EMBEDDING);
        whole.add(embedding);
        for (int i = 0; i < layers; i++) {
            whole.add(range(layout, TensorPlan.layer(i)));
        }
        if (layout.find(TensorPlan.HEAD).isPresent()) {
            whole.add(range(layout, TensorPlan.HEAD));
        }
        if (layout.bytes() <= memory) {
            return new StreamingPlan(whole, memory, true);
        }
        long forOthers = Math.max(0, memory - embedding.keptBytes());
        List<Part> others = whole.subList(1, whole.size());
        long all = others.stream().mapToLong(Part::keptBytes).sum();
        long pair = largestPair(others);
        boolean overlapping = pair <= forOthers;
        // share · all + (1 - share) · pair = forOthers
        double share = overlapping && pair < all ? (double) (forOthers - pair) / (all - pair) : 0;
        List<Part> parts = new ArrayList<>(List.of(embedding));
        for (Part part : others) {
            long kept = (long) (part.keptBytes() * share) / PackedLayout.ALIGNMENT * PackedLayout.ALIGNMENT;
            parts.add(new Part(part.from(), part.from() + kept, part.to()));
        }
        return new StreamingPlan(parts, memory, overlapping);
    }

    /// A part that stays whole.
    private static Part range(PackedLayout layout, String prefix) {
        List<PackedTensor> tensors = layout.tensors().stream()
                .filter(tensor -> tensor.name().startsWith(prefix))
                .sorted(Comparator.comparingLong(PackedTensor::offset))
                .toList();
        long end = tensors.getLast().offset() + tensors.getLast().bytes();
        return new Part(tensors.getFirst().offset(), end, end);
    }

    /// Bytes of the two parts that follow each other, the first after the last, and are largest together.
    private static long largestPair(List<Part> parts) {
        long largest = 0;
        Part before = parts.getLast();
        for (Part part : parts) {
            largest = Math.max(largest, before.keptBytes() + part.keptBytes());
            before = part;
        }
        return largest;
    }

    /// Whether there are weights that do not fit into memory.
    public boolean streams() {
        return streamedBytes() > 0;
    }

    /// Bytes of all parts.
    public long bytes() {
        return keptBytes() + streamedBytes();
    }

    /// Bytes that each batch reads from the disk.
    public long streamedBytes() {
        return parts.stream().mapToLong(Part::streamedBytes).sum();
    }

    /// Bytes that are read once and stay.
    public long keptBytes() {
        return parts.stream().mapToLong(Part::keptBytes).sum();
    }
}
