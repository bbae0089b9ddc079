package org.sparkqwen.job.cli.report;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;

/// Corpus metrics of a scored output, computed from the output itself.
///
/// Corpus values are ratios over the corpus, as in lm-evaluation-harness, and not means over documents: perplexity is
/// exp(Σ nll / Σ tokens scored), word perplexity exp(Σ nll / Σ words), and bits per byte Σ nll / Σ bytes / ln 2. The
/// latter two cover only documents that were scored whole.
///
/// @param group the value of the column by which the corpus is grouped; null for the whole corpus
/// @param perplexityError the standard error of `perplexity`; see [#of]
/// @param percentiles the percentiles 10, 50 and 90 of the documents' perplexities
public record ScoreSummary(
        @Nullable String group,
        long rows,
        long errors,
        long tokens,
        long tokensScored,
        @Nullable Double perplexity,
        @Nullable Double perplexityError,
        @Nullable Double wordPerplexity,
        @Nullable Double bitsPerByte,
        List<Double> percentiles) {

    public static ScoreSummary of(Dataset<Row> scores) {
        return read(scores.agg(ROWS, MEASURES).first(), null);
    }

    /// The column `rows`, the number of rows.
    static final Column ROWS = count(lit(1)).as("rows");

    /// The sums from which a summary is made, beside [#ROWS]. [#read] finds them by their names.
    static final Column[] MEASURES = {
        count(col("error")).as("errors"),
        sum("tokens").as("tokens"),
        sum("tokens_scored").as("tokens_scored"),
        sum("sum_nll").as("nll"),
        sum(ofWhole("sum_nll")).as("nll_of_whole"),
        sum(ofWhole("words")).as("words"),
        sum(ofWhole("bytes")).as("bytes"),
        count(expr("if(tokens_scored > 0, 1, null)")).as("documents"),
        sum(expr("sum_nll * sum_nll")).as("nll_by_nll"),
        sum(expr("sum_nll * tokens_scored")).as("nll_by_tokens"),
        sum(expr("double(tokens_scored) * tokens_scored")).as("tokens_by_tokens"),
        expr("percentile_approx(perplexity, array(0.1D, 0.5D, 0.9D))").as("percentiles")
    };

    /// Restricts a column to documents of which all tokens were scored, except at most the first.
    private static Column ofWhole(String column) {
        return expr("if(bits_per_byte is null, null, %s)".formatted(column));
    }

    /// Reads a summary from a row of sums. The standard error takes documents as the units drawn from the corpus,
    /// because the tokens of one document are not independent. For the ratio r = Σ nll / Σ n over D documents it is
    /// √(D/(D−1) · Σ (nll − r n)²) / Σ n in nats, and that times the perplexity for the perplexity.
    ///
    /// @param sums a row with the columns [#ROWS] and [#MEASURES]
    static ScoreSummary read(Row sums, @Nullable String group) {
        double tokensScored = number(sums, "tokens_scored");
        double nllOfWhole = number(sums, "nll_of_whole");
        double words = number(sums, "words");
        double bytes = number(sums, "bytes");
        double documents = number(sums, "documents");
        double rate = number(sums, "nll") / tokensScored;
        double squares = number(sums, "nll_by_nll")
                - 2 * rate * number(sums, "nll_by_tokens")
                + rate * rate * number(sums, "tokens_by_tokens");
        double error = Math.sqrt(documents / (documents - 1) * Math.max(0, squares)) / tokensScored;
        boolean any = tokensScored > 0;
        int percentiles = sums.fieldIndex("percentiles");
        return new ScoreSummary(
                group,
                (long) number(sums, "rows"),
                (long) number(sums, "errors"),
                (long) number(sums, "tokens"),
                (long) tokensScored,
                any ? Math.exp(rate) : null,
                any && documents > 1 ? Math.exp(rate) * error : null,
                any && words > 0 ? Math.exp(nllOfWhole / words) : null,
                any && bytes > 0 ? nllOfWhole / bytes / Math.log(2) : null,
                sums.isNullAt(percentiles) ? List.of() : sums.<Double>getList(percentiles));
    }

    /// Returns a sum as a number. The sum of no values is null and counts as 0.
    private static double number(Row sums, String name) {
        int column = sums.fieldIndex(name);
        return sums.isNullAt(column) ? 0 : ((Number) sums.get(column)).doubleValue();
    }

    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("rows", rows);
        map.put("errors", errors);
        map.put("tokens", tokens);
        map.put("tokens_scored", tokensScored);
        putIfKnown(map, "perplexity", perplexity);
        putIfKnown(map, "perplexity_standard_error", perplexityError);
        putIfKnown(map, "word_perplexity", wordPerplexity);
        putIfKnown(map, "bits_per_byte", bitsPerByte);
        if (!percentiles.isEmpty()) {
            map.put(
                    "document_perplexity",
                    Map.of("p10", percentiles.get(0), "p50", percentiles.get(1), "p90", percentiles.get(2)));
        }
        return map;
    }

    private static void putIfKnown(Map<String, Object> map, String key, @Nullable Double value) {
        if (value != null) {
            map.put(key, value);
        }
    }

    /// Formats the perplexity with its standard error, such as `62.31 ± 1.20`.
    String perplexityText() {
        if (perplexity == null) {
            return "nothing was scored";
        }
        return perplexityError == null ? number(perplexity) : number(perplexity) + " ± " + number(perplexityError);
    }

    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder(perplexityText());
        if (perplexity != null) {
            line.append(" a token");
        }
        if (wordPerplexity != null) {
            line.append(", ").append(number(wordPerplexity)).append(" a word");
        }
        if (bitsPerByte != null) {
            line.append(", %.3f bits a byte".formatted(bitsPerByte));
        }
        lines.add("perplexity  " + line);
        if (!percentiles.isEmpty()) {
            lines.add("documents   10 %% have less than %s, half less than %s, 90 %% less than %s"
                    .formatted(number(percentiles.get(0)), number(percentiles.get(1)), number(percentiles.get(2))));
        }
        return lines;
    }

    /// Returns a line of a table of groups, see [GroupSummaries].
    List<String> cells(String name) {
        return List.of(
                name,
                "%,d".formatted(rows),
                "%,d".formatted(errors),
                "%,d".formatted(tokens),
                perplexityText(),
                percentiles.isEmpty() ? "" : number(percentiles.get(1)));
    }

    /// Formats a number for a person, with fewer digits the larger it is.
    static String number(double value) {
        return value < 10_000
                ? "%,.2f".formatted(value)
                : value < 1e7 ? "%,.0f".formatted(value) : "%.3g".formatted(value);
    }
}
