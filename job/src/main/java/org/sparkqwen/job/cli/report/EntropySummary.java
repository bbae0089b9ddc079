package org.sparkqwen.job.cli.report;

import static org.apache.spark.sql.functions.expr;

import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/// The entropy of a corpus, computed from a scored output that has the column `mean_entropy`.
///
/// @param mean mean entropy of all scored tokens in nats; null if nothing was scored
public record EntropySummary(@Nullable Double mean) {
    public static EntropySummary of(Dataset<Row> scores) {
        Row sums = scores.agg(
                        expr("sum(mean_entropy * tokens_scored) as nats"),
                        expr("sum(if(mean_entropy is null, 0, tokens_scored)) as tokens"))
                .first();
        return new EntropySummary(sums.isNullAt(0) ? null : sums.getDouble(0) / sums.getLong(1));
    }

    public Map<String, Object> toMap() {
        return mean == null ? Map.of() : Map.of("mean_entropy", mean);
    }

    public List<String> lines() {
        return mean == null ? List.of() : List.of("entropy     %.3f nats a token".formatted(mean));
    }
}
