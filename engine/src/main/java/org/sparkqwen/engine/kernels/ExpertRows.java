package org.sparkqwen.engine.kernels;

/// The rows of a batch that go to one expert, and its weights.
///
/// @param gate `[intermediate, hidden]`
/// @param up `[intermediate, hidden]`
/// @param down `[hidden, intermediate]`
/// @param rows of the batch, each once; at least one
/// @param shares `[rows.length]`: what the expert's output is multiplied with for each row
public record ExpertRows(Matrix gate, Matrix up, Matrix down, int[] rows, float[] shares) {
    public ExpertRows {
        if (rows.length == 0 || rows.length != shares.length) {
            throw new IllegalArgumentException("%d rows and %d shares".formatted(rows.length, shares.length));
        }
    }

    /// How many rows all of some experts have.
    public static int count(Iterable<ExpertRows> experts) {
        int count = 0;
        for (ExpertRows expert : experts) {
            count += expert.rows().length;
        }
        return count;
    }

    /// How many rows a batch has at least, whose experts these are.
    static int batchRows(Iterable<ExpertRows> experts) {
        int last = -1;
        for (ExpertRows expert : experts) {
            for (int row : expert.rows()) {
                last = Math.max(last, row);
            }
        }
        return last + 1;
    }
}
