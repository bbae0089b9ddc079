package org.sparkqwen.engine.model;

import java.util.List;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// The rotary position embedding of a model.
public sealed interface Rope {
    /// The base of the geometric series of wavelengths.
    double theta();

    /// The plain embedding, with which a model is trained.
    record Plain(double theta) implements Rope {}

    /// YaRN (Peng et al. 2023, arXiv:2309.00071) interpolates slow pairs by `factor`, leaves fast ones, and blends
    /// those between. It scales cosines and sines by `attentionFactor`.
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

    /// Reads a config's settings for position embeddings, see [RopeReader].
    ///
    /// @param warnings gets a line for each remark to the user
    static Rope read(ConfigJson config, int maxPositions, List<String> warnings) {
        return new RopeReader(config, maxPositions, warnings).read();
    }
}
