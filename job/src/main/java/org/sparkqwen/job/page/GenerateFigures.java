package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.avg;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/// What the report shows of generated texts as a whole.
///
/// @param distributions the distributions of [#COLUMNS]
/// @param compared how many texts the n-grams were counted in: all, or the first [#MOST_COMPARED] that Spark finds
/// @param distinct the share of different n-grams among all n-grams of the compared texts, by n
/// @param repeated the mean share of a text's 4-grams that it has had before; 0 for texts without any
public record GenerateFigures(
        Distributions distributions, long compared, Map<Integer, Double> distinct, double repeated) {
    static final List<String> COLUMNS = List.of("generated_tokens", "prompt_tokens");

    /// The most texts whose n-grams are counted.
    private static final int MOST_COMPARED = 10_000;

    private static final int REPEATED_N = 4;
    private static final List<Integer> DISTINCT_N = List.of(1, 2, 3);

    /// Computes the figures.
    ///
    /// @param texts the rows of an output of `generate`
    public static GenerateFigures of(Dataset<Row> texts) {
        Dataset<Row> generated = texts.filter(col("generated_tokens").gt(0));
        Dataset<Row> compared = generated.limit(MOST_COMPARED);
        Map<Integer, Double> distinct = new LinkedHashMap<>();
        for (int n : DISTINCT_N) {
            Row counts = compared.select(explode(ngrams(n)).as("ngram"))
                    .agg(count(lit(1)).as("all"), countDistinct(col("ngram")).as("different"))
                    .first();
            long all = counts.<Long>getAs("all");
            if (all > 0) {
                distinct.put(n, (double) counts.<Long>getAs("different") / all);
            }
        }
        Row repetition = compared.select(ngrams(REPEATED_N).as("ngrams"))
                .agg(
                        count(lit(1)).as("texts"),
                        avg(expr("if(size(ngrams) = 0, 0, 1 - size(array_distinct(ngrams)) / size(ngrams))"))
                                .as("repeated"))
                .first();
        int repeated = repetition.fieldIndex("repeated");
        return new GenerateFigures(
                Distributions.of(generated, COLUMNS),
                repetition.getAs("texts"),
                distinct,
                repetition.isNullAt(repeated) ? 0 : repetition.getDouble(repeated));
    }

    /// Returns the column of all runs of n tokens of a text, in their order.
    private static Column ngrams(int n) {
        return expr("""
            if(size(token_ids) < %1$d, array(),
               transform(sequence(1, greatest(1, size(token_ids) - %1$d + 1)), i -> slice(token_ids, i, %1$d)))\
            """.formatted(n));
    }

    /// Returns the facts for `_run.json`.
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>(distributions.toMap());
        map.put("texts_compared", compared);
        distinct.forEach((n, share) -> map.put("distinct_" + n, share));
        map.put("repeated_4_grams", repeated);
        return map;
    }
}
