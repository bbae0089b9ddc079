package org.sparkqwen.engine.scheduler;

import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.cache.KeyValueCache;

/// Tokens that go through the model together: the pending tokens of some sequences, one after the other, without
/// padding.
///
/// @param sequences whose tokens they are
/// @param slices where each sequence's tokens lie, in the same order
/// @param tokens token ids, a row each
/// @param positions each row's position in its sequence
public record Batch(List<Sequence> sequences, List<Slice> slices, int[] tokens, int[] positions) {

    /// The rows of one sequence.
    ///
    /// @param row the first
    /// @param tokens how many
    /// @param position of the first in the sequence
    /// @param cache has room for all of them
    public record Slice(int row, int tokens, int position, KeyValueCache cache) {
        public int lastRow() {
            return row + tokens - 1;
        }
    }

    /// All pending tokens of `sequences`.
    public static Batch of(List<Sequence> sequences) {
        int rows = sequences.stream().mapToInt(Sequence::pending).sum();
        int[] tokens = new int[rows];
        int[] positions = new int[rows];
        List<Slice> slices = new ArrayList<>();
        int row = 0;
        for (Sequence sequence : sequences) {
            sequence.cache().reserve(sequence.length());
            slices.add(new Slice(row, sequence.pending(), sequence.computed(), sequence.cache()));
            for (int position = sequence.computed(); position < sequence.length(); position++) {
                tokens[row] = sequence.token(position);
                positions[row] = position;
                row++;
            }
        }
        return new Batch(List.copyOf(sequences), slices, tokens, positions);
    }

    public int highestPosition() {
        int highest = 0;
        for (Slice slice : slices) {
            highest = Math.max(highest, slice.position() + slice.tokens() - 1);
        }
        return highest;
    }

    /// Notes that the model has computed every token of the batch.
    public void markComputed() {
        sequences.forEach(Sequence::markComputed);
    }
}
