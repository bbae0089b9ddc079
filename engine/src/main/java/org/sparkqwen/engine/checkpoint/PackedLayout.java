package org.sparkqwen.engine.checkpoint;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/// The layout of a packed model: its tensors, and the place of each in the data of its file. They are in the order of
/// the model, so that a layer is one range, and begin at pages, so that ranges can be read ahead and given back.
public final class PackedLayout {
    /// The page size of common processors.
    public static final int ALIGNMENT = 4096;

    private final SequencedMap<String, PackedTensor> tensors;
    private final List<ColumnBalance> balances;

    private PackedLayout(SequencedMap<String, PackedTensor> tensors, List<ColumnBalance> balances) {
        this.tensors = tensors;
        this.balances = List.copyOf(balances);
    }

    /// Builds a layout in which one tensor follows the other.
    public static final class Builder {
        private final SequencedMap<String, PackedTensor> tensors = new LinkedHashMap<>();
        private final List<ColumnBalance> balances = new ArrayList<>();
        private long end;

        /// Adds a tensor after the others.
        public PackedTensor add(String name, PackedTensor.Form form, List<Integer> shape) {
            PackedTensor tensor = new PackedTensor(name, form, shape, aligned(end));
            tensors.put(name, tensor);
            end = tensor.offset() + tensor.bytes();
            return tensor;
        }

        /// Lets channels be balanced when tensors are packed.
        public Builder add(ColumnBalance balance) {
            balances.add(balance);
            return this;
        }

        public PackedLayout build() {
            return new PackedLayout(Collections.unmodifiableSequencedMap(tensors), balances);
        }
    }

    static long aligned(long offset) {
        return Math.ceilDiv(offset, ALIGNMENT) * ALIGNMENT;
    }

    public List<PackedTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    /// The tensors whose channels are balanced when they are packed. A packed file's header does not tell them,
    /// because its numbers are balanced already.
    List<ColumnBalance> balances() {
        return balances;
    }

    public Optional<PackedTensor> find(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /// The bytes from the first tensor to the end of the last.
    public long bytes() {
        return tensors.isEmpty()
                ? 0
                : tensors.lastEntry().getValue().offset()
                        + tensors.lastEntry().getValue().bytes();
    }

    /// The bytes of all tensors, without the gaps between them.
    public long tensorBytes() {
        return tensors.values().stream().mapToLong(PackedTensor::bytes).sum();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof PackedLayout layout && tensors().equals(layout.tensors());
    }

    @Override
    public int hashCode() {
        return tensors().hashCode();
    }

    @Override
    public String toString() {
        return tensors().toString();
    }
}
