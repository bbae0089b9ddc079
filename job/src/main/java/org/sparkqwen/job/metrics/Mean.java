package org.sparkqwen.job.metrics;

import java.io.Serializable;

/// A weighted mean, in the form in which means of several executors can be added up.
///
/// @param sum of values, each times its weight
/// @param weight of all values
record Mean(double sum, double weight) implements Serializable {
    static final Mean OF_NOTHING = new Mean(0, 0);

    Mean plus(Mean other) {
        return new Mean(sum + other.sum, weight + other.weight);
    }

    /// 0 if there are no values.
    double value() {
        return weight == 0 ? 0 : sum / weight;
    }
}
