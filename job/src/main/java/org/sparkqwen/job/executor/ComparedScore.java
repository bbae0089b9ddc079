package org.sparkqwen.job.executor;

import org.sparkqwen.engine.request.Result;

/// The scores of one row by two models, of the same tokens in the same windows.
///
/// @param scored the score by the model
/// @param reference the score by the reference model
public record ComparedScore(Result.Scored scored, Result.Scored reference) {
    /// Returns the mean negative log-likelihood of a scored token by the reference model, in nats; NaN if none was
    /// scored.
    public double referenceNll() {
        return reference.score().sumNll() / reference.score().tokensScored();
    }

    /// Returns the mean excess loss of a scored token in nats: how much less likely it is to the model than to the
    /// reference model; NaN if none was scored.
    public double excessNll() {
        return (scored.score().sumNll() - reference.score().sumNll())
                / scored.score().tokensScored();
    }

    /// Returns the excess loss of each token in nats; NaN if a token was not scored.
    public double[] tokenExcess() {
        double[] excess = reference.score().tokenLogProbabilities().clone();
        for (int i = 0; i < excess.length; i++) {
            excess[i] -= scored.score().tokenLogProbabilities()[i];
        }
        return excess;
    }
}
