package org.sparkqwen.engine.bench;

import java.util.List;

/// Samples of one rate. Other users of the machine make it lower at times and never higher.
///
/// @param values at least one, in the order in which they were measured
public record Samples(List<Double> values) {
    public Samples {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("no samples");
        }
        values = List.copyOf(values);
    }

    public double best() {
        return sorted().getLast();
    }

    /// The median; for an even number of samples the lower of the two in the middle.
    public double median() {
        List<Double> sorted = sorted();
        return sorted.get((sorted.size() - 1) / 2);
    }

    public double worst() {
        return sorted().getFirst();
    }

    private List<Double> sorted() {
        return values.stream().sorted().toList();
    }
}
