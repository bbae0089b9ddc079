package org.sparkqwen.engine.model;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.sampling.RankedToken;

/// The model's scores of given tokens, each after the tokens before it.
///
/// @param logProbabilities each target's log-probability in nats; NaN if a logit was NaN
/// @param likeliest whether the target is the token that greedy decoding would choose: no token is more likely, and
///     none that is as likely has a lower id
/// @param moments the moments of the distribution at each target's position; null if they were not wanted
/// @param best the most likely tokens at each target's position; empty if none were wanted
public record TargetScores(
        double[] logProbabilities,
        boolean[] likeliest,
        @Nullable Moments moments,
        List<List<RankedToken>> best) {}
