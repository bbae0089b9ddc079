package org.sparkqwen.engine.checkpoint;

import java.util.List;
import java.util.Optional;
import org.sparkqwen.engine.adapter.LoraUpdate;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.ScaledIntegers;

/// A matrix of a base model with what an adapter adds to it, in float32.
record MergedTensor(CheckpointTensor base, LoraUpdate update) implements CheckpointTensor {
    @Override
    public String name() {
        return base.name();
    }

    @Override
    public List<Integer> shape() {
        return base.shape();
    }

    @Override
    public DType dtype() {
        return DType.F32;
    }

    /// Empty, because sums are no longer the integers of the base model.
    @Override
    public Optional<IntegerLayout> integers() {
        return Optional.empty();
    }

    @Override
    public ScaledIntegers integers(int first, int count) {
        throw new IllegalStateException("%s is a sum, which has no integers".formatted(name()));
    }

    @Override
    public void readRows(int first, float[][] rows) {
        base.readRows(first, rows);
        update.addTo(first, rows);
    }

    @Override
    public void read(long from, float[] to) {
        int inputs = shape().getLast();
        float[][] row = new float[1][inputs];
        int done = 0;
        while (done < to.length) {
            int start = (int) ((from + done) % inputs);
            int count = Math.min(inputs - start, to.length - done);
            readRows((int) ((from + done) / inputs), row);
            System.arraycopy(row[0], start, to, done, count);
            done += count;
        }
    }
}
