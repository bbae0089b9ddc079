package org.sparkqwen.engine.model;

import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;

/// The sizes of the experts that replace dense feed-forward layers.
///
/// @param experts number of experts of a layer
/// @param perToken number of experts that work on a token
/// @param intermediateSize width of an expert
/// @param normalised whether the chosen experts' weights are divided by their sum
/// @param layers indices of the layers that have experts; at least one
public record MixtureShape(int experts, int perToken, int intermediateSize, boolean normalised, Set<Integer> layers) {
    public MixtureShape {
        layers = Collections.unmodifiableSet(new TreeSet<>(layers));
    }

    boolean has(int layer) {
        return layers.contains(layer);
    }
}
