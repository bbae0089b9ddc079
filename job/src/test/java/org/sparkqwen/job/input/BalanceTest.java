package org.sparkqwen.job.input;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.spark_partition_id;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.testing.LocalSpark;

/// Rows are spread over tasks by their tokens.
class BalanceTest {
    @Test
    void tasksBecomeShorterTowardsTheEnd() {
        assertThat(Balance.shares(10_000, 2))
                .containsExactly(1 / 4d, 1 / 4d, 1 / 8d, 1 / 8d, 1 / 16d, 1 / 16d, 1 / 32d, 1 / 32d, 1 / 32d, 1 / 32d);
        assertThat(Balance.shares(40, 2)).as("few rows").containsExactly(1 / 2d, 1 / 2d);
        assertThat(Balance.shares(64, 2)).containsExactly(1 / 4d, 1 / 4d, 1 / 4d, 1 / 4d);
        for (int rows : new int[] {1, 10, 100, 1000, 100_000}) {
            assertThat(Arrays.stream(Balance.shares(rows, 7)).sum()).isCloseTo(1, within(1e-12));
        }
    }

    @Test
    void tasksHaveTheirShareOfTokensWhateverTheRows() {
        Random random = new Random(3);
        double[] shares = Balance.shares(5000, 4);
        double[] tokens = new double[shares.length];
        double sum = 0;
        Balance.Loads loads = new Balance.Loads(shares, 0);
        for (int row = 0; row < 5000; row++) {
            long length = random.nextInt(100) == 0 ? 30_000 : 1 + random.nextInt(600);
            tokens[loads.add(length)] += length;
            sum += length;
        }
        for (int task = 0; task < shares.length; task++) {
            assertThat(tokens[task]).isCloseTo(sum * shares[task], within(30_000d));
        }
    }

    @Test
    void eachRowGoesToOneTaskAndItsLongestComeFirst() {
        Dataset<Row> rows = LocalSpark.session()
                .range(0, 1000, 1, 3)
                .select(
                        col("id").as(RowNumber.COLUMN),
                        col("id").multiply(7919).mod(501).as("length"));
        List<Row> spread = Balance.spread(rows, 1000, new Balance.Measure(col("length"), null), 2)
                .withColumn("task", spark_partition_id())
                .collectAsList();
        assertThat(spread.stream().map(row -> row.getLong(0)))
                .containsExactlyInAnyOrderElementsOf(
                        LongStream.range(0, 1000).boxed().toList());
        Map<Integer, List<Long>> lengths = new HashMap<>();
        spread.forEach(row ->
                lengths.computeIfAbsent(row.getInt(2), _ -> new ArrayList<>()).add(row.getLong(1)));
        assertThat(lengths).hasSize(10);
        lengths.values().forEach(task -> assertThat(task).isSortedAccordingTo((a, b) -> Long.compare(b, a)));
        assertThat(lengths.getOrDefault(0, List.of()).stream()
                        .mapToLong(Long::longValue)
                        .sum())
                .isBetween(60_000L, 65_000L); // of 250,000
    }

    @Test
    void rowsWithOneKeyFollowEachOtherInOneTask() {
        Dataset<Row> rows = LocalSpark.session()
                .range(0, 800, 1, 1)
                .select(col("id").as(RowNumber.COLUMN), col("id").mod(200).as("question"));
        List<Row> spread = Balance.spread(rows, 800, new Balance.Measure(lit(10), col("question")), 2)
                .withColumn("task", spark_partition_id())
                .collectAsList();
        Map<Long, List<Integer>> places = new HashMap<>();
        Map<Integer, Integer> sizes = new HashMap<>();
        for (int i = 0; i < spread.size(); i++) {
            places.computeIfAbsent(spread.get(i).getLong(1), _ -> new ArrayList<>())
                    .add(i);
            sizes.merge(spread.get(i).getInt(2), 1, Integer::sum);
        }
        assertThat(places.values()).hasSize(200).allSatisfy(place -> {
            assertThat(place.getLast() - place.getFirst()).isEqualTo(3);
            assertThat(spread.get(place.getFirst()).getInt(2))
                    .isEqualTo(spread.get(place.getLast()).getInt(2));
        });
        assertThat(sizes).hasSize(10);
        assertThat(sizes.getOrDefault(0, 0)).isBetween(190, 210);
    }

    @Test
    void allRowsWithOneKeyAreSpreadAllTheSame() {
        Dataset<Row> rows =
                LocalSpark.session().range(0, 800, 1, 1).select(col("id").as(RowNumber.COLUMN));
        assertThat(Balance.spread(rows, 800, new Balance.Measure(lit(10), lit(1L)), 2)
                        .select(spark_partition_id())
                        .distinct()
                        .count())
                .isGreaterThan(5);
    }

    @Test
    void rowsWithoutALengthAreSpreadToo() {
        Dataset<Row> rows =
                LocalSpark.session().range(0, 100, 1, 2).select(col("id").as(RowNumber.COLUMN));
        assertThat(Balance.spread(rows, 100, new Balance.Measure(lit(null), null), 2)
                        .count())
                .isEqualTo(100);
    }
}
