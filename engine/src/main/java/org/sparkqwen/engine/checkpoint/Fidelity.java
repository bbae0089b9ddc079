package org.sparkqwen.engine.checkpoint;

/// How far a packed model is from the model that it was packed from, measured on a text.
///
/// @param text what was read: a file's name, or what a person calls it
/// @param tokens number of tokens whose distributions were compared
/// @param meanDivergence mean Kullback-Leibler divergence of the packed model's next token from the published one's, in
///     nats
/// @param highDivergence the divergence that 99.9 % of the tokens do not exceed
/// @param publishedPerplexity the published model's perplexity a token
/// @param perplexity the packed model's
/// @param agreement share of the tokens at which both models find the same token the likeliest, 0 to 1
public record Fidelity(
        String text,
        long tokens,
        double meanDivergence,
        double highDivergence,
        double publishedPerplexity,
        double perplexity,
        double agreement) {

    /// The change of the perplexity, as a share of the published model's.
    public double perplexityChange() {
        return perplexity / publishedPerplexity - 1;
    }
}
