package org.sparkqwen.engine.scheduler;

import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.cache.BlockTable;

/// The tokens that go through the model together: tokens of some sequences, one after the other, without padding.
///
/// @param slices the rows of each sequence
/// @param copies rows of `slices` whose keys and values are stored in the table of another sequence, too, which begins
///     alike and shares the block that has them no further
/// @param tokens token ids, a row each
/// @param positions each row's position in its sequence
public record Batch(List<Slice> slices, List<Slice> copies, int[] tokens, int[] positions) {

    /// The rows of one sequence in a batch.
    ///
    /// @param row the first row
    /// @param tokens number of rows
    /// @param position position of the first token in the sequence
    /// @param table the sequence's table, with room for all of the tokens
    public record Slice(Sequence sequence, int row, int tokens, int position, BlockTable table) {
        public int lastRow() {
            return row + tokens - 1;
        }

        /// Whether this slice completes the sequence's known tokens.
        public boolean last() {
            return position + tokens == sequence.length();
        }
    }

    /// The first `tokens` of a sequence's pending tokens.
    public record Part(Sequence sequence, int tokens) {}

    /// A batch of all pending tokens of `sequences`.
    public static Batch of(List<Sequence> sequences) {
        return ofParts(sequences.stream()
                .map(sequence -> new Part(sequence, sequence.pending()))
                .toList());
    }

    public static Batch ofParts(List<Part> parts) {
        int rows = parts.stream().mapToInt(Part::tokens).sum();
        int[] tokens = new int[rows];
        int[] positions = new int[rows];
        List<Slice> slices = new ArrayList<>();
        int row = 0;
        for (Part part : parts) {
            Sequence sequence = part.sequence();
            int first = sequence.computed();
            slices.add(new Slice(sequence, row, part.tokens(), first, sequence.table()));
            for (int position = first; position < first + part.tokens(); position++) {
                tokens[row] = sequence.token(position);
                positions[row] = position;
                row++;
            }
        }
        return new Batch(slices, List.of(), tokens, positions);
    }

    /// Returns this batch with rows whose keys and values are stored in another sequence's table, too.
    public Batch withCopies(List<Slice> value) {
        return new Batch(slices, value, tokens, positions);
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
        slices.forEach(slice -> slice.sequence().advance(slice.tokens()));
    }
}
