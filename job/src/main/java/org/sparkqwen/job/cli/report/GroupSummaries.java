package org.sparkqwen.job.cli.report;

import static org.apache.spark.sql.functions.broadcast;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.storage.OutputLayout;

/// Summaries of a scored corpus by the values of a column. A column may have as many values as there are rows, so only
/// the most frequent values have a summary of their own, and all others share one.
///
/// @param column the column's name
/// @param groups how many values the column has
/// @param shown the summaries of values, in the values' order
/// @param mostFrequent the same summaries, those with most rows first
/// @param rest the summary of all other values together; null if there is none
public record GroupSummaries(
        String column,
        long groups,
        List<ScoreSummary> shown,
        List<ScoreSummary> mostFrequent,
        @Nullable ScoreSummary rest) {
    /// The most groups that the manifest has.
    public static final int MOST = 200;

    /// The most lines that the console shows.
    public static final int MOST_LINES = 20;

    private static final String GROUP = "_spark_qwen_group";
    private static final String FREQUENT = "_spark_qwen_frequent";

    public static GroupSummaries of(Dataset<Row> scores, String column) {
        Dataset<Row> grouped =
                scores.withColumn(GROUP, ContentColumn.column(column).cast("string"));
        Dataset<Row> counts = grouped.groupBy(col(GROUP)).agg(ScoreSummary.ROWS);
        long groups = counts.count();
        List<Row> frequent = counts.sort(col("rows").desc(), col(GROUP).asc_nulls_first())
                .limit(MOST)
                .collectAsList();
        Dataset<Row> marked =
                groups <= MOST ? grouped.withColumn(FREQUENT, lit(true)) : marked(grouped, frequent, counts.schema());
        Map<@Nullable String, ScoreSummary> summaries = new LinkedHashMap<>();
        marked.filter(col(FREQUENT))
                .groupBy(col(GROUP))
                .agg(ScoreSummary.ROWS, ScoreSummary.MEASURES)
                .sort(col(GROUP).asc_nulls_first())
                .collectAsList()
                .forEach(row -> {
                    String group = group(row);
                    summaries.put(group, ScoreSummary.read(row, group == null ? "null" : group));
                });
        List<ScoreSummary> byFrequency = new ArrayList<>();
        frequent.forEach(row -> byFrequency.add(Objects.requireNonNull(summaries.get(group(row)))));
        ScoreSummary rest = groups <= MOST
                ? null
                : ScoreSummary.of(marked.filter(col(FREQUENT).isNull()));
        return new GroupSummaries(column, groups, List.copyOf(summaries.values()), byFrequency, rest);
    }

    /// Returns the group of a row that has one; null is a group, too.
    private static @Nullable String group(Row row) {
        return row.getAs(GROUP);
    }

    /// Marks the rows of frequent groups with their group; other rows get null.
    ///
    /// @param schema the columns of `frequent`
    private static Dataset<Row> marked(Dataset<Row> grouped, List<Row> frequent, StructType schema) {
        Dataset<Row> marks = grouped.sparkSession()
                .createDataFrame(frequent, schema)
                .select(col(GROUP).as("frequent_group"), lit(true).as(FREQUENT));
        Column same = col(GROUP).eqNullSafe(col("frequent_group"));
        return grouped.join(broadcast(marks), same, "left_outer");
    }

    /// Adds the summaries to the facts of `_run.json`.
    public void putInto(Map<String, Object> facts) {
        Map<String, Object> byGroup = new LinkedHashMap<>();
        for (ScoreSummary group : shown) {
            String name = Quote.of(group.group());
            for (int same = 2; byGroup.containsKey(name); same++) {
                name = "%s (%d)".formatted(Quote.of(group.group()), same);
            }
            byGroup.put(name, group.toMap());
        }
        facts.put("by_" + column, byGroup);
        if (rest != null) {
            Map<String, Object> others = new LinkedHashMap<>();
            others.put("groups", groups);
            others.put("most_frequent_shown", shown.size());
            others.put("rest", rest.toMap());
            facts.put("by_%s_others".formatted(column), others);
        }
    }

    /// Returns a table of the groups: rows, errors, tokens, perplexity, and the median document's perplexity.
    public List<String> table() {
        List<List<String>> cells = new ArrayList<>();
        cells.add(List.of(Quote.of(column), "rows", "errors", "tokens", "perplexity", "median"));
        boolean all = groups <= MOST_LINES;
        for (ScoreSummary group : all ? shown : mostFrequent.subList(0, MOST_LINES)) {
            cells.add(group.cells(Quote.of(group.group())));
        }
        List<String> lines = new ArrayList<>(TextTable.lines(cells));
        if (!all) {
            long more = rest == null ? 0 : rest.rows();
            long rows = more
                    + mostFrequent.stream()
                            .skip(MOST_LINES)
                            .mapToLong(ScoreSummary::rows)
                            .sum();
            lines.add("and %,d more groups with %,d rows; %s has the %,d most frequent"
                    .formatted(groups - MOST_LINES, rows, OutputLayout.MANIFEST, shown.size()));
        }
        return lines;
    }
}
