package org.sparkqwen.job.page;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.sparkqwen.engine.message.Quote;

/// The buckets of a run of `score`, as a table of a page: the rows of each bucket, and the thresholds.
final class BucketTable {
    private static final int MOST_GROUPS = 12;

    private static final List<String> COLUMNS =
            List.of("rows", "head", "middle", "tail", "none", "head_up_to", "middle_up_to");

    private BucketTable() {}

    /// Writes the table; nothing for a run without buckets.
    ///
    /// @param buckets what `_run.json` says of the buckets
    static void write(Html page, JsonNode buckets) {
        if (buckets.isMissingNode()) {
            return;
        }
        String by = buckets.path("by").asText();
        page.heading("Buckets");
        page.note(("The head has the documents up to percentile %s of %s%s, the middle has others up to percentile %s,"
                        + " and the tail has the rest.")
                .formatted(
                        Numbers.tick(buckets.at("/percentiles/0").asDouble()),
                        buckets.path("of").asText().replace('_', ' '),
                        by.isEmpty() ? "" : " within the same " + Quote.of(by),
                        Numbers.tick(buckets.at("/percentiles/1").asDouble())));
        List<String> head = new ArrayList<>(List.of(Quote.of(by)));
        COLUMNS.forEach(column -> head.add(column.replace('_', ' ')));
        List<JsonNode> groups = new ArrayList<>();
        buckets.path("thresholds").forEach(groups::add);
        groups.sort(Comparator.comparingLong(group -> -group.path("rows").asLong()));
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode group : groups.subList(0, Math.min(MOST_GROUPS, groups.size()))) {
            List<String> row = new ArrayList<>(
                    List.of(by.isEmpty() ? "all" : Quote.of(group.path("group").asText())));
            COLUMNS.forEach(column -> row.add(cell(group.path(column))));
            rows.add(row);
        }
        page.numbers(head, rows);
        long more = buckets.path("groups").asLong() - rows.size();
        if (more > 0) {
            page.note("%s more groups have fewer rows.".formatted(Numbers.count(more)));
        }
    }

    private static String cell(JsonNode value) {
        return value.isIntegralNumber()
                ? Numbers.count(value.longValue())
                : value.isNumber() ? Numbers.of(value.doubleValue()) : "";
    }
}
