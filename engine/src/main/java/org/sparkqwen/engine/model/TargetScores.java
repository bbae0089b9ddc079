package org.sparkqwen.engine.model;

/// The model's scores of given tokens, each after the tokens before it.
///
/// @param logProbabilities each target's log-probability in nats; NaN if a logit was NaN
/// @param likeliest whether the target is the token that greedy decoding would choose: no token is more likely, and
///     none that is as likely has a lower id
public record TargetScores(double[] logProbabilities, boolean[] likeliest) {}
