package org.sparkqwen.engine.model;

/// What a model says of given tokens, each after the tokens before it.
///
/// @param logProbabilities each target's, in nats; NaN if a logit was NaN
/// @param likeliest whether it is the one that a greedy text would go on with: no token is likelier, and none as likely
///     has a lower id
public record TargetScores(double[] logProbabilities, boolean[] likeliest) {}
