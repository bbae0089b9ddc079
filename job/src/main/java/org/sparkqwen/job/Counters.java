package org.sparkqwen.job;

import java.io.Serializable;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;

/// What tasks count while they work, for the progress display. A task that is tried again counts again, so a run's
/// summary is taken from its output instead.
record Counters(LongAccumulator rows, LongAccumulator tokens, LongAccumulator errors) implements Serializable {

    static Counters register(SparkSession spark) {
        return new Counters(
                spark.sparkContext().longAccumulator("spark-qwen rows"),
                spark.sparkContext().longAccumulator("spark-qwen tokens"),
                spark.sparkContext().longAccumulator("spark-qwen errors"));
    }

    /// @param tokens computed for the row
    void count(long tokens, boolean error) {
        rows.add(1);
        this.tokens.add(tokens);
        errors.add(error ? 1 : 0);
    }
}
