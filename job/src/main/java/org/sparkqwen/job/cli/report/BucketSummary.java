package org.sparkqwen.job.cli.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.buckets.Buckets;
import org.sparkqwen.job.buckets.Thresholds;
import org.sparkqwen.job.storage.OutputLayout;

/// The buckets of a scored corpus: their thresholds, and how many rows are in them. A corpus may have thousands of
/// groups, so only those with most rows are shown one by one.
///
/// @param buckets how the rows were divided
/// @param thresholds the thresholds of all groups
public record BucketSummary(Buckets buckets, Thresholds thresholds) {
    /// Returns the title of the table, such as `Buckets 30,60 of bits_per_byte, by language`.
    public String title() {
        return "Buckets %s of %s%s"
                .formatted(
                        buckets.percentiles(),
                        buckets.figure().column(),
                        buckets.by() == null
                                ? ""
                                : ", by " + Quote.of(buckets.by().name()));
    }

    /// Returns a table of the groups: the rows of each bucket, those in none, and the thresholds.
    public List<String> table() {
        List<List<String>> cells = new ArrayList<>();
        String first = buckets.by() == null ? "" : Quote.of(buckets.by().name());
        cells.add(List.of(first, "rows", "head", "middle", "tail", "none", "head up to", "middle up to"));
        List<Thresholds.Group> shown = mostFrequent(GroupSummaries.MOST_LINES);
        shown.forEach(group -> cells.add(List.of(
                buckets.by() == null ? "all" : name(group),
                "%,d".formatted(group.rows()),
                "%,d".formatted(group.head()),
                "%,d".formatted(group.middle()),
                "%,d".formatted(group.tail()),
                "%,d".formatted(group.none()),
                number(group.headUpTo()),
                number(group.middleUpTo()))));
        List<String> lines = new ArrayList<>(TextTable.lines(cells));
        int groups = thresholds.groups().size();
        if (groups > shown.size()) {
            lines.add("and %,d more groups with %,d rows; %s has the %,d most frequent"
                    .formatted(
                            groups - shown.size(),
                            rows(thresholds.groups()) - rows(shown),
                            OutputLayout.MANIFEST,
                            Math.min(groups, GroupSummaries.MOST)));
        }
        return lines;
    }

    /// Returns the facts for `_run.json`.
    public Map<String, Object> toMap() {
        List<Thresholds.Group> shown = mostFrequent(GroupSummaries.MOST);
        Map<String, Object> map = new LinkedHashMap<>();
        map.put(
                "percentiles",
                List.of(
                        buckets.percentiles().head().doubleValue(),
                        buckets.percentiles().middle().doubleValue()));
        map.put("of", buckets.figure().column());
        if (buckets.by() != null) {
            map.put("by", buckets.by().name());
        }
        map.put("groups", thresholds.groups().size());
        map.put("thresholds", shown.stream().map(BucketSummary::facts).toList());
        return map;
    }

    private static Map<String, Object> facts(Thresholds.Group group) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("group", group.value());
        facts.put("rows", group.rows());
        facts.put("head", group.head());
        facts.put("middle", group.middle());
        facts.put("tail", group.tail());
        facts.put("none", group.none());
        facts.put("head_up_to", group.headUpTo());
        facts.put("middle_up_to", group.middleUpTo());
        return facts;
    }

    /// Returns the groups with most rows: in their own order if they are all, else the largest first.
    private List<Thresholds.Group> mostFrequent(int most) {
        List<Thresholds.Group> groups = thresholds.groups();
        return groups.size() <= most
                ? groups
                : groups.stream()
                        .sorted(Comparator.comparingLong(Thresholds.Group::rows).reversed())
                        .limit(most)
                        .toList();
    }

    private static long rows(List<Thresholds.Group> groups) {
        return groups.stream().mapToLong(Thresholds.Group::rows).sum();
    }

    private static String name(Thresholds.Group group) {
        String value = group.value();
        return value == null ? "null" : Quote.of(value);
    }

    private String number(@Nullable Double value) {
        return value == null
                ? ""
                : switch (buckets.figure()) {
                    case BITS_PER_BYTE, EXCESS_NLL -> "%,.3f".formatted(value);
                    case PERPLEXITY -> ScoreSummary.number(value);
                };
    }
}
