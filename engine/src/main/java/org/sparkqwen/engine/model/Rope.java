package org.sparkqwen.engine.model;

import java.util.List;

/// Which rotary position embedding a model has.
public sealed interface Rope {
    /// The base of the geometric series of wavelengths.
    double theta();

    /// The embedding a model is trained with.
    record Plain(double theta) implements Rope {}

    /// YaRN (Peng et al. 2023, arXiv:2309.00071): slow pairs are interpolated by `factor`, fast ones are not, those
    /// between are blended; cosines and sines are scaled by `attentionFactor`.
    ///
    /// @param originalPositions the context that the model was trained with
    /// @param betaFast turns within the trained context from which a pair is not interpolated
    /// @param betaSlow turns below which a pair is interpolated in full
    /// @param truncate whether the blend begins and ends at whole pairs
    record Yarn(
            double theta,
            double factor,
            int originalPositions,
            double attentionFactor,
            double betaFast,
            double betaSlow,
            boolean truncate)
            implements Rope {}

    /// Reads what a config says of position embeddings, see [RopeReader].
    ///
    /// @param warnings gets a line for each thing that a person should know
    static Rope read(ConfigJson config, int maxPositions, List<String> warnings) {
        return new RopeReader(config, maxPositions, warnings).read();
    }
}
