package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Routes;

/// Groups a batch's tokens by the experts that they go to, so that each expert's weights are read once for all of its
/// tokens.
///
/// Experts come in ascending order. A token's sum takes their outputs in that order, too, as in transformers, so it
/// depends on the token alone.
final class ExpertBatches {
    private ExpertBatches() {}

    /// Forms groups that have at most `most` rows together. An expert with more rows is cut into several; others
    /// stay whole.
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

    /// Returns indices into the routes, ordered by expert and then by token, with a counting sort.
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

    /// @param indices indices into the routes, of one expert
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
