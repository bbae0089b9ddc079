package org.sparkqwen.job.cli.report;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.LocalSpark;

/// Summaries by a column that has few values, and one that has thousands.
class GroupSummariesTest {
    /// Returns a group for each number below `groups`, with null in place of 7. Group g has g % 10 + 1 rows.
    private static Dataset<Row> scores(int groups) {
        return LocalSpark.session()
                .range(groups)
                .selectExpr("if(id = 7, null, 'group ' || id) as source", "explode(sequence(0, id % 10)) as n")
                .selectExpr(
                        "source",
                        "cast(null as string) as error",
                        "100 as tokens",
                        "100 as tokens_scored",
                        "200d as sum_nll",
                        "50 as words",
                        "300 as bytes",
                        "exp(2d) as perplexity",
                        "1d as bits_per_byte");
    }

    @Test
    void fewGroupsAreAllShownInTheirOrder() {
        GroupSummaries few = GroupSummaries.of(scores(12), "source");
        assertThat(few.groups()).isEqualTo(12);
        assertThat(few.rest()).isNull();
        assertThat(few.shown()).extracting(ScoreSummary::group).startsWith("null", "group 0", "group 1", "group 10");
        assertThat(few.table()).hasSize(13);
        Map<String, Object> facts = new LinkedHashMap<>();
        few.putInto(facts);
        assertThat(facts).containsOnlyKeys("by_source");
    }

    @Test
    void ofManyTheMostFrequentAreShownAndTheRestTogether() {
        GroupSummaries many = GroupSummaries.of(scores(6000), "source");
        assertThat(many.groups()).isEqualTo(6000);
        assertThat(many.shown()).hasSize(200).allMatch(group -> group.rows() == 10);
        ScoreSummary rest = Objects.requireNonNull(many.rest());
        assertThat(rest.rows()).isEqualTo(6000 * 55 / 10 - 2000);
        assertThat(rest.tokens()).isEqualTo(100 * rest.rows());
        assertThat(many.table())
                .hasSize(22)
                .last()
                .isEqualTo("and 5,980 more groups with 32,800 rows; _run.json has the 200 most frequent");
        Map<String, Object> facts = new LinkedHashMap<>();
        many.putInto(facts);
        assertThat(facts.get("by_source"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .hasSize(200);
        assertThat(facts.get("by_source_others"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsEntry("groups", 6000L)
                .containsEntry("most_frequent_shown", 200)
                .containsKey("rest");
    }

    /// The sums are found by name, so the order in which a query gives them does not matter.
    @Test
    void aSummaryIsReadByTheNamesOfItsSums() {
        Dataset<Row> sums = scores(12).agg(ScoreSummary.ROWS, ScoreSummary.MEASURES);
        List<Column> reversed = new ArrayList<>();
        for (String name : sums.columns()) {
            reversed.addFirst(col(name));
        }
        ScoreSummary summary =
                ScoreSummary.read(sums.select(reversed.toArray(Column[]::new)).first(), null);
        assertThat(summary).isEqualTo(ScoreSummary.of(scores(12)));
        assertThat(summary.rows()).isEqualTo(58);
        assertThat(summary.tokensScored()).isEqualTo(5800);
        assertThat(summary.perplexity()).isEqualTo(Math.exp(2));
    }

    @Test
    void longValuesAreCutAndStayApart() {
        Dataset<Row> longNames = scores(30).withColumn("source", expr("repeat('x', 1000) || source"));
        Map<String, Object> facts = new LinkedHashMap<>();
        GroupSummaries summaries = GroupSummaries.of(longNames, "source");
        summaries.putInto(facts);
        assertThat(facts.get("by_source"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .hasSize(30);
        assertThat(summaries.table()).allMatch(line -> line.length() < 250);
    }
}
