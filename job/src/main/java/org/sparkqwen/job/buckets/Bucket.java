package org.sparkqwen.job.buckets;

import java.util.Locale;

/// A bucket of documents. The names are those of CCNet, whose head has the text that the model foresees best.
enum Bucket {
    /// The lowest values.
    HEAD,
    /// The values between the two percentiles.
    MIDDLE,
    /// The highest values.
    TAIL;

    /// Returns the bucket's name in the column `bucket`.
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
