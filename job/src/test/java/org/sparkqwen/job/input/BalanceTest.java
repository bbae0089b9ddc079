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
        assertThat(Balance.shares(10_000, 2, 2))
                .containsExactly(1 / 4d, 1 / 4d, 1 / 8d, 1 / 8d, 1 / 16d, 1 / 16d, 1 / 32d, 1 / 32d, 1 / 32d, 1 / 32d);
        assertThat(Balance.shares(40, 2, 2)).as("few rows").containsExactly(1 / 2d, 1 / 2d);
        assertThat(Balance.shares(64, 2, 2)).containsExactly(1 / 4d, 1 / 4d, 1 / 4d, 1 / 4d);
        for (int rows : new int[] {1, 10, 100, 1000, 100_000}) {
            assertThat(Arrays.stream(Balance.shares(rows, 7, 2)).sum()).isCloseTo(1, within(1e-12));
        }
    }

    @Test
    void tasksOfALargeExecutorMayBeShort() {
        assertThat(Balance.shares(16 * 160, 160, 16)).hasSize(4 * 160);
        assertThat(Balance.shares(16 * 160, 160, 2)).hasSize(160);
        assertThat(Balance.shares(16 * 160, 160, 1)).hasSize(160);
        assertThat(Balance.shares(160, 160, 64)).hasSize(160);
    }

    @Test
    void tasksHaveTheirShareOfTokensWhateverTheRows() {
        Random random = new Random(3);
        double[] shares = Balance.shares(5000, 4, 2);
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
    void aLargeClusterHasBoundedTasks() {
        for (int executors : new int[] {100, 1000, 10_000}) {
            double[] shares = Balance.shares(1_000_000_000, 640 * executors, 2);
            assertThat(shares).hasSize(5 * Balance.MOST_IN_A_ROUND);
            assertThat(Arrays.stream(shares).sum()).isCloseTo(1, within(1e-9));
            assertThat(InputScan.tasks(64 * executors)).isEqualTo(InputScan.MOST_TASKS);
        }
    }

    /// Each of many partitions has fewer rows than there are tasks. By their own loads, all of them would fill the
    /// first tasks and leave the others empty.
    @Test
    void tasksHaveTheirShareOfRowsThoughNoPartitionFillsThem() {
        double[] shares = Balance.shares(1_000_000, 1000, 2);
        int partitions = 2000;
        int rows = 300;
        assertThat(Balance.hasFew(rows, shares.length)).isTrue();
        assertThat(Balance.hasFew(2L * shares.length, shares.length)).isFalse();
        double[] counts = new double[shares.length];
        for (int partition = 0; partition < partitions; partition++) {
            Balance.Turns turns = new Balance.Turns(shares, partition);
            for (int row = 0; row < rows; row++) {
                counts[turns.add(1)]++;
            }
        }
        for (int task = 0; task < shares.length; task++) {
            double expected = shares[task] * partitions * rows;
            assertThat(counts[task]).isCloseTo(expected, within(5 * Math.sqrt(expected)));
        }
        Balance.Turns first = new Balance.Turns(shares, 7);
        Balance.Turns again = new Balance.Turns(shares, 7);
        for (int row = 0; row < rows; row++) {
            int task = first.add(1, row / 10);
            assertThat(again.add(1, row / 10)).isEqualTo(task);
            assertThat(task).isBetween(0, shares.length - 1);
        }
    }

    @Test
    void rowsWithOneKeyHaveOneTaskThoughPartitionsAreSmall() {
        Balance.Turns turns = new Balance.Turns(Balance.shares(1_000_000, 1000, 2), 0);
        int task = turns.add(5, 42);
        turns.add(5, 43);
        assertThat(turns.add(5, 42)).isEqualTo(task);
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
