package org.sparkqwen.job.page;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.page.Distributions.Distribution;
import org.sparkqwen.job.testing.LocalSpark;

class HistogramTest {
    @Test
    void aBinHoldsAQuarterOfAnOctave() {
        List<Integer> bins = LocalSpark.session()
                .createDataset(List.of(1.0, 1.18, 1.2, 2.0, 0.5, 1000.0), Encoders.DOUBLE())
                .select(Histogram.bin(col("value")).as("bin"))
                .as(Encoders.INT())
                .collectAsList();
        assertThat(bins).containsExactly(0, 0, 1, 4, -4, 39);
        assertThat(Histogram.from(4)).isEqualTo(2);
        assertThat(Histogram.from(1)).isCloseTo(Math.pow(2, 0.25), within(1e-12));
    }

    @Test
    void onlyPositiveFiniteValuesAreInBins() {
        Dataset<Row> rows = LocalSpark.session().sql("""
            SELECT explode(array(1D, 1.5D, 0D, -1D, double('Infinity'), double('NaN'), null)) AS x\
            """);
        Distribution distribution = Distributions.of(rows, List.of("x")).get("x");
        assertThat(distribution.histogram().rows()).isEqualTo(2);
        assertThat(distribution.histogram().counts()).containsExactlyEntriesOf(new TreeMap<>(Map.of(0, 1L, 2, 1L)));
    }

    @Test
    void percentilesAreValuesOfRows() {
        Dataset<Row> rows = LocalSpark.session().range(1, 101).selectExpr("double(id) AS x", "double(null) AS y");
        Distributions distributions = Distributions.of(rows, List.of("x", "y"));
        Quantiles quantiles = distributions.get("x").quantiles();
        assertThat(quantiles.at(1)).isEqualTo(1);
        assertThat(quantiles.at(50)).isEqualTo(50);
        assertThat(quantiles.at(99)).isEqualTo(99);
        assertThat(distributions.get("y").isEmpty()).isTrue();
        assertThat(distributions.toMap()).containsOnlyKeys("x");
    }

    @Test
    void theManifestHasTheBinsThatHaveRows() {
        Histogram histogram = new Histogram(new TreeMap<>(Map.of(0, 3L, 8, 1L)));
        assertThat(histogram.toList())
                .containsExactly(
                        Map.of("from", 1.0, "to", Math.pow(2, 0.25), "rows", 3L),
                        Map.of("from", 4.0, "to", Math.pow(2, 2.25), "rows", 1L));
    }
}
