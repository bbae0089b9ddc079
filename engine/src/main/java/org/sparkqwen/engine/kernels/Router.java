package org.sparkqwen.engine.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.sparkqwen.engine.kernels.ScalarMath.LANES;

import java.lang.foreign.MemorySegment;

/// Chooses the experts that a token goes to. A token has only some hundred numbers here, so the same code serves all
/// kernels.
final class Router {
    private Router() {}

    /// Computes [Kernels#route] on all threads.
    static Routes route(
            ThreadTeam team, MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        Routes routes = new Routes(perToken, new int[tokens * perToken], new float[tokens * perToken]);
        team.run(tokens, (token, worker) -> {
            float[] probabilities = new float[experts];
            long at = (long) token * experts * Float.BYTES;
            MemorySegment.copy(logits, JAVA_FLOAT, at, probabilities, 0, experts);
            softmax(probabilities);
            choose(probabilities, routes, token * perToken);
            if (normalised) {
                normalise(routes.shares(), token * perToken, perToken);
            }
        });
        return routes;
    }

    private static void softmax(float[] logits) {
        float maximum = Float.NEGATIVE_INFINITY;
        for (float logit : logits) {
            maximum = ScalarMath.greater(maximum, logit);
        }
        float[] lanes = new float[LANES];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = ScalarMath.exp(logits[i] - maximum);
            lanes[i % LANES] += logits[i];
        }
        float sum = ScalarMath.fold(lanes);
        for (int i = 0; i < logits.length; i++) {
            logits[i] /= sum;
        }
    }

    /// Chooses a token's experts, those of greatest probability first. Among NaN probabilities it chooses any, each
    /// once; the result shows the NaN.
    private static void choose(float[] probabilities, Routes routes, int at) {
        boolean[] taken = new boolean[probabilities.length];
        for (int i = at; i < at + routes.perToken(); i++) {
            int best = -1;
            for (int expert = 0; expert < probabilities.length; expert++) {
                if (!taken[expert] && (best < 0 || probabilities[expert] > probabilities[best])) {
                    best = expert;
                }
            }
            taken[best] = true;
            routes.experts()[i] = best;
            routes.shares()[i] = probabilities[best];
        }
    }

    private static void normalise(float[] shares, int from, int count) {
        float sum = 0f;
        for (int i = from; i < from + count; i++) {
            sum += shares[i];
        }
        for (int i = from; i < from + count; i++) {
            shares[i] /= sum;
        }
    }
}
