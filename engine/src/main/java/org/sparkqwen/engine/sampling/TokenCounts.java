package org.sparkqwen.engine.sampling;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.kernels.TokenChoice;

/// Counts the tokens of a prompt and its text, for penalties.
final class TokenCounts {
    private final Penalties penalties;
    private final Set<Integer> seen = new HashSet<>(); // in the prompt or the text
    private final Map<Integer, Integer> generated = new HashMap<>(); // how often in the text

    TokenCounts(Penalties penalties, int[] prompt) {
        this.penalties = penalties;
        for (int token : prompt) {
            seen.add(token);
        }
    }

    void add(int token) {
        seen.add(token);
        generated.merge(token, 1, Integer::sum);
    }

    /// The tokens whose logits [#apply] changes.
    Set<Integer> changed() {
        if (penalties.repetition() != 1) {
            return seen;
        }
        return penalties.presence() != 0 || penalties.frequency() != 0 ? generated.keySet() : Set.of();
    }

    /// What [#apply] does to the logit of one token, after a bias.
    TokenChoice.Change change(int token, double bias) {
        Integer times = generated.get(token);
        double penalty = times == null ? 0 : penalties.presence() + penalties.frequency() * times;
        double repetition = seen.contains(token) ? penalties.repetition() : 1;
        return new TokenChoice.Change(token, false, bias, repetition, penalty);
    }

    /// Lowers the logits of tokens that occurred before.
    void apply(Candidates candidates) {
        if (penalties.repetition() != 1) {
            for (int token : seen) {
                int index = candidates.indexOf(token);
                if (index >= 0) {
                    float logit = candidates.score(index);
                    double penalized = logit > 0 ? logit / penalties.repetition() : logit * penalties.repetition();
                    candidates.setScore(index, (float) penalized);
                }
            }
        }
        if (penalties.presence() != 0 || penalties.frequency() != 0) {
            generated.forEach((token, times) -> {
                int index = candidates.indexOf(token);
                if (index >= 0) {
                    double penalty = penalties.presence() + penalties.frequency() * times;
                    candidates.setScore(index, (float) (candidates.score(index) - penalty));
                }
            });
        }
    }
}
