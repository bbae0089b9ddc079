package org.sparkqwen.engine.kernels;

import org.sparkqwen.engine.kernels.format.Matrix;

/// One expert's weights, and the rows of a batch that go to it.
///
/// @param gate `[intermediate, hidden]`
/// @param up `[intermediate, hidden]`
/// @param down `[hidden, intermediate]`
/// @param rows row indices in the batch, each once; at least one
/// @param shares `[rows.length]`: the routing weight with which the expert's output is multiplied for each row
public record ExpertRows(Matrix gate, Matrix up, Matrix down, int[] rows, float[] shares) {
    public ExpertRows {
        if (rows.length == 0 || rows.length != shares.length) {
            throw new IllegalArgumentException("%d rows and %d shares".formatted(rows.length, shares.length));
        }
    }

    /// The number of rows of all these experts together.
    public static int count(Iterable<ExpertRows> experts) {
        int count = 0;
        for (ExpertRows expert : experts) {
            count += expert.rows().length;
        }
        return count;
    }

    /// The least number of rows that a batch with these experts has.
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
