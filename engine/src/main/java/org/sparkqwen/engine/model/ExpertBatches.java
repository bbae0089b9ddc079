package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Routes;

/// A batch's tokens in the order of the experts that they go to: so each expert's weights are read once for all of its
/// tokens.
///
/// The order of experts, ascending, is also that in which a token's sum takes their outputs, as in transformers. It
/// depends on the token alone.
final class ExpertBatches {
    private ExpertBatches() {}

    /// Groups whose rows are at most `most` together. An expert with more has several; others stay whole.
    static List<List<ExpertRows>> of(FeedForward.Mixture mixture, Routes routes, int most) {
        int[] order = order(routes, mixture.experts().size());
        List<List<ExpertRows>> batches = new ArrayList<>();
        List<ExpertRows> batch = new ArrayList<>();
        int batchRows = 0;
        for (int from = 0; from < order.length; ) {
            int end = endOfExpert(routes, order, from);
            int count = Math.min(most, end - from);
            if (batchRows + count > most) {
                batches.add(batch);
                batch = new ArrayList<>();
                batchRows = 0;
            }
            batch.add(rows(mixture, routes, Arrays.copyOfRange(order, from, from + count)));
            batchRows += count;
            from += count;
        }
        batches.add(batch);
        return batches;
    }

    /// Indices into the routes, by expert, of each by token: a counting sort.
    private static int[] order(Routes routes, int experts) {
        int[] starts = new int[experts + 1];
        for (int expert : routes.experts()) {
            starts[expert + 1]++;
        }
        for (int expert = 0; expert < experts; expert++) {
            starts[expert + 1] += starts[expert];
        }
        int[] order = new int[routes.experts().length];
        for (int i = 0; i < order.length; i++) {
            order[starts[routes.experts()[i]]++] = i;
        }
        return order;
    }

    private static int endOfExpert(Routes routes, int[] order, int from) {
        int expert = routes.experts()[order[from]];
        int end = from;
        while (end < order.length && routes.experts()[order[end]] == expert) {
            end++;
        }
        return end;
    }

    /// @param indices into the routes, of one expert
    private static ExpertRows rows(FeedForward.Mixture mixture, Routes routes, int[] indices) {
        FeedForward.Dense weights =
                mixture.experts().get(routes.experts()[indices[0]]).checked();
        int[] rows = new int[indices.length];
        float[] shares = new float[indices.length];
        for (int i = 0; i < indices.length; i++) {
            rows[i] = indices[i] / routes.perToken();
            shares[i] = routes.shares()[indices[i]];
        }
        return new ExpertRows(weights.gate(), weights.up(), weights.down(), rows, shares);
    }
}
