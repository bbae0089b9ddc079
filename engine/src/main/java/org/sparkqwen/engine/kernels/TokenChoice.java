package org.sparkqwen.engine.kernels;

import java.util.List;

/// How a token is chosen from a row of logits, for kernels that do it where the logits are: changes of single logits,
/// temperature, top-k, top-p and min-p, in this order.
///
/// @param forced the token that comes whatever the logits are; -1 if they decide
/// @param allowed a bit for each token that may be chosen, 64 in a word; empty if all may
/// @param changes at most one of each token
/// @param temperature divides logits; 0 for the most likely token
/// @param topK only the K most likely tokens remain; 0 for all
/// @param topP only the most likely tokens that reach this probability together remain; 1 for all
/// @param minP only tokens at least this fraction as likely as the most likely one remain; 0 for all
/// @param random the number from 0 to below 1 at which the cumulative probability is passed
public record TokenChoice(
        int forced,
        long[] allowed,
        List<Change> changes,
        double temperature,
        int topK,
        double topP,
        double minP,
        double random) {
    /// The result if no token may be chosen.
    public static final int NONE = -1;

    private static final long[] ALL = {};

    /// What is done to the logit of one token: `(logit + bias)`, divided by `repetition` if it is positive and else
    /// multiplied by it, `- penalty`. Each step is rounded to float32.
    ///
    /// @param forbidden whether the token must not be chosen
    public record Change(int token, boolean forbidden, double bias, double repetition, double penalty) {}

    /// A choice of the token that must come.
    public static TokenChoice ofForced(int token) {
        return new TokenChoice(token, ALL, List.of(), 0, 0, 1, 0, 0);
    }
}
