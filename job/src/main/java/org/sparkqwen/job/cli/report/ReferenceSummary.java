package org.sparkqwen.job.cli.report;

import static org.apache.spark.sql.functions.expr;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/// What a reference model gives for a corpus, computed from a scored output that has the column `reference_nll`.
///
/// @param label the reference model's label
/// @param nll mean negative log-likelihood of all scored tokens by the reference model, in nats; null if nothing was
///     scored
/// @param excess mean excess loss of all scored tokens, in nats; null if nothing was scored
public record ReferenceSummary(
        String label, @Nullable Double nll, @Nullable Double excess) {
    public static ReferenceSummary of(Dataset<Row> scores, String label) {
        Row means = scores.agg(
                        expr("sum(reference_nll * tokens_scored) / sum(tokens_scored) as nll"),
                        expr("sum(excess_nll * tokens_scored) / sum(tokens_scored) as excess"))
                .first();
        return new ReferenceSummary(
                label, means.isNullAt(0) ? null : means.getDouble(0), means.isNullAt(1) ? null : means.getDouble(1));
    }

    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("model", label);
        if (nll != null && excess != null) {
            map.put("perplexity", Math.exp(nll));
            map.put("mean_excess_nll", excess);
        }
        return map;
    }

    public List<String> lines() {
        return nll == null || excess == null
                ? List.of()
                : List.of(
                        "reference   " + label,
                        "            perplexity %s a token; mean excess loss %.3f nats a token"
                                .formatted(ScoreSummary.number(Math.exp(nll)), excess));
    }
}
