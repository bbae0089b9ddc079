package org.sparkqwen.job.buckets;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.testing.LocalSpark;

/// Thresholds compared with those of a sort of each group in memory.
class RankedValuesTest {
    private static final StructType COLUMNS =
            new StructType().add(RankedValues.KEY, DataTypes.StringType).add(RankedValues.VALUE, DataTypes.DoubleType);

    private static final Percentiles PERCENTILES = Percentiles.parse("33.3,60");

    /// Many partitions cut groups in pieces, and few have several groups each.
    @ParameterizedTest
    @ValueSource(longs = {40, 300, 1_000_000})
    void thresholdsAreThoseOfASort(long valuesAPartition) {
        Random random = new Random(7);
        List<Row> rows = new ArrayList<>();
        for (int group = 0; group < 8; group++) {
            String key = group == 0 ? null : "group " + group;
            int size = new int[] {200, 1, 2, 3, 10, 100, 333, 51}[group];
            for (int i = 0; i < size; i++) {
                // A group has few different values, so ties lie across the thresholds. One group has one value
                // alone.
                double value = group == 5 ? 2.5 : random.nextInt(20) / 8.0;
                rows.add(RowFactory.create(key, random.nextInt(7) == 0 && size > 3 ? null : value));
            }
        }
        assertSame(rows, valuesAPartition);
    }

    @Test
    void extremeValuesKeepTheirOrder() {
        List<Row> rows = new ArrayList<>();
        for (double value : new double[] {
            Double.POSITIVE_INFINITY, Double.MAX_VALUE, Double.MIN_VALUE, 0.0, -0.0, 1, Math.nextUp(1.0), 1e300, 4, 5
        }) {
            rows.add(RowFactory.create("a", value));
        }
        assertSame(rows, 3);
    }

    @Test
    void groupsWithoutValuesHaveNoThresholds() {
        List<Thresholds.Group> groups =
                thresholds(List.of(RowFactory.create("a", null), RowFactory.create("b", 1.0)), 10);
        assertThat(groups)
                .containsExactly(
                        new Thresholds.Group("a", 1, 0, 0, 0, null, null),
                        new Thresholds.Group("b", 1, 1, 0, 0, 1.0, 1.0));
        assertThat(thresholds(List.of(), 10)).isEmpty();
    }

    private static void assertSame(List<Row> rows, long valuesAPartition) {
        Map<@Nullable String, List<Row>> byKey =
                new TreeMap<>(Comparator.nullsFirst(Comparator.<String>naturalOrder()));
        rows.forEach(row ->
                byKey.computeIfAbsent(row.getString(0), _ -> new ArrayList<>()).add(row));
        List<Thresholds.Group> expected = new ArrayList<>();
        byKey.forEach((key, own) -> expected.add(sorted(key, own)));
        assertThat(thresholds(rows, valuesAPartition)).isEqualTo(expected);
    }

    private static Thresholds.Group sorted(@Nullable String key, List<Row> rows) {
        double[] values = rows.stream()
                .filter(row -> !row.isNullAt(1))
                .mapToDouble(row -> row.getDouble(1))
                .sorted()
                .toArray();
        double head = values[(int) Math.ceil(0.333 * values.length) - 1];
        double middle = values[(int) Math.ceil(0.6 * values.length) - 1];
        long inHead = Arrays.stream(values).filter(value -> value <= head).count();
        long inMiddle = Arrays.stream(values)
                .filter(value -> value > head && value <= middle)
                .count();
        return new Thresholds.Group(
                key, rows.size(), inHead, inMiddle, values.length - inHead - inMiddle, head, middle);
    }

    private static List<Thresholds.Group> thresholds(List<Row> rows, long valuesAPartition) {
        Dataset<Row> values = LocalSpark.session()
                .createDataFrame(rows, COLUMNS)
                .repartition(3, col(RankedValues.VALUE)); // in no order
        List<RankedValues.Count> counts = RankedValues.counts(values, 100);
        return new RankedValues(values, counts, valuesAPartition).thresholds(PERCENTILES);
    }
}
