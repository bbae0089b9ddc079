package org.sparkqwen.job.page;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// The buckets in a report, as `_run.json` has them.
class BucketTableTest {
    @Test
    void theThresholdsOfTheLargestGroupsAreShown() throws JsonProcessingException {
        String page = page(
                """
                {"percentiles": [30.0, 66.6], "of": "bits_per_byte", "by": "<lang>", "groups": 20, "thresholds": [%s]}
                """.formatted(IntStream.range(0, 20).mapToObj("""
                    {"group": "g<%1$d>", "rows": 10%1$02d, "head": 7, "middle": 8, "tail": 9, "none": 1,
                     "head_up_to": 1.25, "middle_up_to": null}
                    """::formatted).collect(Collectors.joining(","))));
        assertThat(page)
                .contains("up to percentile 30 of bits per byte within the same &lt;lang&gt;")
                .contains("others up to percentile 66.6")
                .contains("8 more groups have fewer rows")
                .doesNotContain("<lang>", "g&lt;7&gt;");
        assertThat(page.lines().filter(line -> line.contains("g&lt;")))
                .hasSize(12)
                .first()
                .asString()
                .contains("g&lt;19&gt;", "1,019", ">7<", ">8<", ">9<", ">1<", "1.25", "></td>");
    }

    @Test
    void withoutGroupsThereIsOneLine() throws JsonProcessingException {
        assertThat(page("""
            {"percentiles": [30.0, 60.0], "of": "perplexity", "groups": 1, "thresholds":
             [{"group": null, "rows": 3, "head": 1, "middle": 1, "tail": 1, "none": 0,
               "head_up_to": 10.5, "middle_up_to": 2000.25}]}
            """)).contains("of perplexity, the middle", ">all<", "10.5", "2,000");
    }

    @Test
    void aRunWithoutBucketsHasNone() throws JsonProcessingException {
        Html page = new Html("a run");
        BucketTable.write(page, new ObjectMapper().readTree("{}").path("buckets"));
        assertThat(page.text()).doesNotContain("Buckets");
    }

    private static String page(String buckets) throws JsonProcessingException {
        Html page = new Html("a run");
        BucketTable.write(page, new ObjectMapper().readTree(buckets));
        return page.text();
    }
}
