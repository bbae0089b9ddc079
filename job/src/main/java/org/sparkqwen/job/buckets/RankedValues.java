package org.sparkqwen.job.buckets;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.spark.InternalRows;
import org.sparkqwen.job.spark.SparkRow;

/// The values of groups in ascending order, spread over the cluster, from which single ranks are picked.
///
/// A shuffle by ranges sorts all values by group and value, so that equal ones are in one partition. One pass counts
/// the values of each group in each partition. From these counts the driver knows in which partition a rank lies, and
/// a second pass reads only those partitions. No task has more rows than its partition, and the driver has a few
/// numbers for each group.
final class RankedValues {
    /// The column with the key of a row's group.
    static final String KEY = "key";

    /// The column with a row's value, a double that is not NaN; null for a row without one.
    static final String VALUE = "value";

    /// The values of a partition. A task sorts so many within seconds.
    static final long VALUES_A_PARTITION = 1_000_000;

    private static final int MOST_PARTITIONS = 10_000;

    private final List<Count> counts;
    private final InternalRows sorted;
    private final List<Run> runs;

    /// @param rows the rows of a group
    /// @param values those that have a value
    record Count(@Nullable String key, long rows, long values) {}

    /// Rows of one group that follow each other in one partition.
    private record Run(int partition, @Nullable String key, long values) implements Serializable {}

    /// A rank that is picked.
    ///
    /// @param group the number of the group
    /// @param rank the rank in the run, from 1
    /// @param before how many values of the group are in partitions before
    private record Wanted(int group, @Nullable String key, long rank, long before) implements Serializable {}

    /// The value at a rank.
    ///
    /// @param upTo how many values of the group are at most this
    private record Picked(Wanted wanted, double value, long upTo) implements Serializable {}

    /// Sorts the values of groups.
    ///
    /// @param rows the columns [#KEY] and [#VALUE]
    /// @param counts the counts of all groups
    /// @param valuesAPartition the values of a partition, roughly
    RankedValues(Dataset<Row> rows, List<Count> counts, long valuesAPartition) {
        this.counts = counts.stream()
                .sorted(Comparator.comparing(Count::key, Comparator.nullsFirst(Comparator.naturalOrder())))
                .toList();
        long values = counts.stream().mapToLong(Count::values).sum();
        int partitions = Math.clamp(Math.ceilDiv(values, valuesAPartition), 1, MOST_PARTITIONS);
        sorted = InternalRows.of(rows.filter(col(VALUE).isNotNull())
                .repartitionByRange(partitions, col(KEY), col(VALUE))
                .sortWithinPartitions(KEY, VALUE));
        runs = new ArrayList<>(sorted.values(RankedValues::runs).collect());
        runs.sort(Comparator.comparingInt(Run::partition));
    }

    /// Counts the rows of at most so many groups.
    ///
    /// @param rows the columns [#KEY] and [#VALUE]
    static List<Count> counts(Dataset<Row> rows, int most) {
        return rows
                .groupBy(KEY)
                .agg(count(lit(1)).as("rows"), count(VALUE).as("values"))
                .limit(most)
                .collectAsList()
                .stream()
                .map(row -> new Count(row.getAs(KEY), row.<Long>getAs("rows"), row.<Long>getAs("values")))
                .toList();
    }

    private static Iterator<Run> runs(int partition, Iterator<SparkRow> rows) {
        List<Run> runs = new ArrayList<>();
        String key = null;
        long values = 0;
        while (rows.hasNext()) {
            String next = key(rows.next());
            if (values > 0 && !Objects.equals(key, next)) {
                runs.add(new Run(partition, key, values));
                values = 0;
            }
            key = next;
            values++;
        }
        if (values > 0) {
            runs.add(new Run(partition, key, values));
        }
        return runs.iterator();
    }

    private static @Nullable String key(SparkRow row) {
        Object key = row.get(0, DataTypes.StringType);
        return key == null ? null : key.toString();
    }

    /// Returns the thresholds of each group, in the order of the groups' keys.
    List<Thresholds.Group> thresholds(Percentiles percentiles) {
        Map<Integer, List<Wanted>> wanted = new HashMap<>();
        Map<@Nullable String, List<Run>> runsByKey = new HashMap<>();
        runs.forEach(run ->
                runsByKey.computeIfAbsent(run.key(), _ -> new ArrayList<>()).add(run));
        for (int group = 0; group < counts.size(); group++) {
            Count count = counts.get(group);
            if (count.values() > 0) {
                List<Run> own = Objects.requireNonNull(runsByKey.get(count.key()));
                want(wanted, own, group, Percentiles.rank(percentiles.head(), count.values()));
                want(wanted, own, group, Percentiles.rank(percentiles.middle(), count.values()));
            }
        }
        Map<Integer, List<Picked>> picked = new HashMap<>();
        for (Picked each : pick(wanted)) {
            picked.computeIfAbsent(each.wanted().group(), _ -> new ArrayList<>())
                    .add(each);
        }
        List<Thresholds.Group> groups = new ArrayList<>();
        for (int group = 0; group < counts.size(); group++) {
            groups.add(group(counts.get(group), picked.getOrDefault(group, List.of())));
        }
        return groups;
    }

    /// @param picked the two thresholds in any order; empty if the group has no values
    private static Thresholds.Group group(Count count, List<Picked> picked) {
        if (picked.isEmpty()) {
            return new Thresholds.Group(count.key(), count.rows(), 0, 0, 0, null, null);
        }
        List<Picked> ascending =
                picked.stream().sorted(Comparator.comparingLong(Picked::upTo)).toList();
        Picked head = ascending.getFirst();
        Picked middle = ascending.getLast();
        return new Thresholds.Group(
                count.key(),
                count.rows(),
                head.upTo(),
                middle.upTo() - head.upTo(),
                count.values() - middle.upTo(),
                head.value(),
                middle.value());
    }

    /// Finds the partition of a rank.
    ///
    /// @param runs the runs of the group, in ascending order of their values
    private static void want(Map<Integer, List<Wanted>> wanted, List<Run> runs, int group, long rank) {
        long before = 0;
        for (Run run : runs) {
            if (rank <= before + run.values()) {
                wanted.computeIfAbsent(run.partition(), _ -> new ArrayList<>())
                        .add(new Wanted(group, run.key(), rank - before, before));
                return;
            }
            before += run.values();
        }
        throw new IllegalStateException("rank %d of %d values".formatted(rank, before));
    }

    /// Reads the partitions in which wanted ranks lie.
    ///
    /// @param wanted the wanted ranks by partition
    private List<Picked> pick(Map<Integer, List<Wanted>> wanted) {
        Set<Integer> partitions = new TreeSet<>(wanted.keySet());
        List<ArrayList<Wanted>> byNumber = new ArrayList<>(); // only these partitions are numbered anew
        partitions.forEach(partition -> byNumber.add(new ArrayList<>(wanted.getOrDefault(partition, List.of()))));
        return partitions.isEmpty()
                ? List.of()
                : sorted.only(partitions)
                        .values((number, rows) -> picked(byNumber.get(number), rows))
                        .collect();
    }

    private static Iterator<Picked> picked(List<Wanted> wanted, Iterator<SparkRow> rows) {
        Map<@Nullable String, List<Wanted>> byKey = new HashMap<>();
        wanted.forEach(each ->
                byKey.computeIfAbsent(each.key(), _ -> new ArrayList<>()).add(each));
        Map<Wanted, Picked> picked = new HashMap<>();
        String key = null;
        long rank = 0;
        while (rows.hasNext()) {
            SparkRow row = rows.next();
            String next = key(row);
            rank = Objects.equals(key, next) ? rank + 1 : 1;
            key = next;
            double value = (double) Objects.requireNonNull(row.get(1, DataTypes.DoubleType));
            for (Wanted each : byKey.getOrDefault(key, List.of())) {
                Picked before = picked.get(each);
                if (rank == each.rank() || (before != null && before.value() == value)) {
                    picked.put(each, new Picked(each, value, each.before() + rank));
                }
            }
        }
        return picked.values().iterator();
    }
}
