package org.sparkqwen.job.cli.report;

import static org.apache.spark.sql.functions.asc;
import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.desc;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// What a run of `classify` reports of its output.
///
/// @param tokens tokens of prompts and labels
/// @param truncated number of rows whose document was cut
/// @param margin mean margin; null if no row was classified
/// @param value mean expected value; null unless labels are numbers
/// @param score mean score; null unless the model is a reranker
/// @param labels number of rows of each label, the most frequent first, of at most [#MOST] labels
public record ClassifySummary(
        long rows,
        long errors,
        long tokens,
        long truncated,
        @Nullable Double margin,
        @Nullable Double value,
        @Nullable Double score,
        Map<String, Long> labels) {
    /// The most labels that `_run.json` has, because rows may have labels of their own.
    private static final int MOST = 200;

    /// The most labels that the terminal shows.
    private static final int SHOWN = 10;

    /// Reads the output of a run.
    public static ClassifySummary of(Dataset<Row> output) {
        Row total = output.agg(
                        count(lit(1)).as("rows"),
                        count(col("error")).as("errors"),
                        coalesce(sum(col("prompt_tokens").plus(col("label_tokens"))), lit(0L))
                                .as("tokens"),
                        count(when(col("truncated"), lit(1))).as("truncated"),
                        avg("margin").as("margin"),
                        avg("value").as("value"),
                        avg("score").as("score"))
                .first();
        Map<String, Long> labels = new LinkedHashMap<>();
        output.where(col("label").isNotNull())
                .groupBy("label")
                .count()
                .sort(desc("count"), asc("label"))
                .limit(MOST)
                .collectAsList()
                .forEach(row -> labels.put(row.getAs("label"), row.getAs("count")));
        return new ClassifySummary(
                total.<Long>getAs("rows"),
                total.<Long>getAs("errors"),
                total.<Long>getAs("tokens"),
                total.<Long>getAs("truncated"),
                total.getAs("margin"),
                total.getAs("value"),
                total.getAs("score"),
                labels);
    }

    /// The facts for `_run.json`.
    public Map<String, Object> toMap() {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("rows", rows);
        facts.put("errors", errors);
        facts.put("tokens", tokens);
        facts.put("truncated", truncated);
        putUnlessNull(facts, "mean_margin", margin);
        putUnlessNull(facts, "mean_value", value);
        putUnlessNull(facts, "mean_score", score);
        facts.put("labels", labels);
        return facts;
    }

    private static void putUnlessNull(Map<String, Object> facts, String name, @Nullable Double number) {
        if (number != null) {
            facts.put(name, number);
        }
    }

    /// The lines for a person.
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        String shown = labels.entrySet().stream()
                .limit(SHOWN)
                .map(label -> "'%s' %,d".formatted(Quote.of(label.getKey()), label.getValue()))
                .collect(Collectors.joining(", "));
        lines.add("labels      " + shown + (labels.size() > SHOWN ? " and others" : ""));
        if (margin != null) {
            lines.add("margin      %.3f on average".formatted(margin));
        }
        if (value != null) {
            lines.add("value       %.3f on average".formatted(value));
        }
        if (score != null) {
            lines.add("score       %.3f on average".formatted(score));
        }
        if (truncated > 0) {
            lines.add("truncated   %,d documents".formatted(truncated));
        }
        return lines;
    }
}
