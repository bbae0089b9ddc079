package org.sparkqwen.job.input;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import java.util.function.IntSupplier;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.spark.InternalRows;
import org.sparkqwen.job.spark.RowNumber;
import org.sparkqwen.job.spark.SparkRow;

/// Spreads rows over tasks by their estimated tokens, because one row may have three and another thirty thousand.
///
/// The first tasks, as many as run at a time and at most [#MOST_IN_A_ROUND], have half of the tokens, the next tasks
/// half of the rest, and so on. Spark starts them in this order. So there are few tasks, because the end of each leaves
/// a batch half empty. Yet the last tasks are short, so that cores of unequal speed end at about the same time
/// ("factoring": Hummel, Schonberg and Flynn, CACM 35(8), 1992). Within a task the longest rows come first, so that
/// none of them begins when all others are done.
///
/// Rows that cost less together, such as continuations of one prompt, go to one task, some dozens at most, and follow
/// each other there.
public final class Balance {
    private static final String TOKENS = "_spark_qwen_tokens";
    private static final String TOGETHER = "_spark_qwen_together";
    private static final String TASK = "_spark_qwen_task";

    /// The most rounds of tasks. The last of them has a sixteenth of the tokens.
    private static final int MOST_ROUNDS = 5;

    /// The most tasks of a round. A driver starts some thousand tasks a second, and each task that reads an
    /// interval tells it of all tasks that compute one. A cluster that runs more tasks at a time gets all of them
    /// at once, so that slow hosts do not get fewer. `spark.task.cpus` lets it run fewer, and costs nothing,
    /// because the cores of an executor compute one batch together.
    public static final int MOST_IN_A_ROUND = 16_384;

    /// The fewest rows of an executor's tasks in a round. With fewer rows there are fewer rounds, because the end
    /// of each task leaves a batch half empty, unless other tasks of the executor fill it.
    private static final int FEW_ROWS = 32;

    /// The fewest and the most rows of a task for that.
    private static final int FEWEST_OF_TASK = 2;

    private static final int FEW_OF_TASK = 16;

    /// The fewest rows of a partition of the input for each task, with which the partition fills all tasks evenly.
    private static final int FEW_FOR_TASK = 2;

    /// The most rows that are kept together, because all rows may have one prompt.
    private static final int MOST_TOGETHER = 64;

    /// The number of keys that are remembered for each partition of the input.
    private static final int KEYS = 10_000;

    private Balance() {}

    /// What rows are spread by.
    ///
    /// @param tokens the estimated tokens of a row; null counts as none
    /// @param together a key of type bigint, which is equal for rows that cost less in one task; null for none
    public record Measure(Column tokens, @Nullable Column together) {}

    /// Spreads rows over tasks.
    ///
    /// @param rows the rows with their numbers
    /// @param count how many rows there are
    /// @param cores the cores of the cluster
    public static Dataset<Row> spread(Dataset<Row> rows, long count, Measure measure, int cores) {
        Column together = measure.together();
        Dataset<Row> estimated = rows.withColumn(
                        TOKENS,
                        coalesce(measure.tokens().cast(DataTypes.LongType), lit(0L))
                                .plus(1))
                .withColumn(TOGETHER, together == null ? lit(0L) : together);
        SparkContext spark = rows.sparkSession().sparkContext();
        int slots = Math.max(1, cores / spark.conf().getInt("spark.task.cpus", 1));
        int executors = Math.max(1, spark.statusTracker().getExecutorInfos().length - 1); // without the driver
        double[] shares = shares(count, slots, Math.ceilDiv(slots, executors));
        int tokens = estimated.schema().fieldIndex(TOKENS);
        int key = together == null ? -1 : estimated.schema().fieldIndex(TOGETHER);
        InternalRows parts = InternalRows.of(estimated);
        boolean few = hasFew(count / Math.max(1, parts.partitions()), shares.length);
        InternalRows assigned = parts.map((index, iterator) ->
                assign(iterator, tokens, key, few ? new Turns(shares, index) : new Loads(shares, index)));
        StructType schema = estimated.schema().add(TASK, DataTypes.IntegerType, false);
        Column[] order = together == null
                ? new Column[] {col(TOKENS).desc(), col(RowNumber.COLUMN)}
                : new Column[] {col(TOGETHER), col(RowNumber.COLUMN)};
        return assigned.dataset(rows.sparkSession(), schema)
                .repartitionById(shares.length, col(TASK))
                .sortWithinPartitions(order)
                .drop(TOKENS, TOGETHER, TASK);
    }

    /// Returns the share of the tokens of each task, in the order in which tasks start. The shares add up to 1.
    ///
    /// @param slots how many tasks run at a time
    /// @param together how many of them run in one executor, whose tasks share a batch
    public static double[] shares(long rows, int slots, int together) {
        int inARound = Math.min(slots, MOST_IN_A_ROUND);
        long rowsOfEach = rows / inARound;
        int few = Math.clamp(FEW_ROWS / together, FEWEST_OF_TASK, FEW_OF_TASK);
        int rounds = 1;
        while (rounds < MOST_ROUNDS && rowsOfEach >> rounds >= few) {
            rounds++;
        }
        double[] shares = new double[inARound * rounds];
        for (int task = 0; task < shares.length; task++) {
            int halvings = Math.min(task / inARound + 1, rounds - 1);
            shares[task] = Math.pow(0.5, halvings) / inARound;
        }
        return shares;
    }

    /// Returns whether a partition of the input has too few rows to fill all tasks by itself, as in a large
    /// cluster.
    public static boolean hasFew(long rowsOfPartition, int tasks) {
        return rowsOfPartition < (long) FEW_FOR_TASK * tasks;
    }

    /// @param keyColumn the column of keys; -1 for none
    private static Iterator<SparkRow> assign(
            Iterator<SparkRow> rows, int tokensColumn, int keyColumn, Assignment assignment) {
        return InternalRows.append(
                rows,
                row -> keyColumn < 0
                        ? assignment.add(row.getLong(tokensColumn))
                        : assignment.add(row.getLong(tokensColumn), row.getLong(keyColumn)));
    }

    /// Chooses the task of each row of a partition of the input. The same rows always go the same way, so that a
    /// retried task changes nothing.
    sealed interface Assignment {
        /// @return the task that receives a row with so many tokens
        int add(long tokens);

        /// @param key equal for rows that should have one task
        /// @return the task that receives a row with so many tokens
        int add(long tokens, long key);
    }

    /// Gives tasks their turns in proportion to their shares, where a partition has few rows. Each partition would
    /// give one row to each of the first tasks, whatever their shares, if it looked at its own rows alone. So a
    /// partition begins somewhere, and goes on by the golden ratio, which reaches all parts of the tasks evenly.
    static final class Turns implements Assignment {
        private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

        private final double[] ends; // of each task's share, from 0 to 1
        private final Together together = new Together();
        private double at;

        /// @param shares the shares of the tasks
        /// @param index the index of the input's partition
        Turns(double[] shares, int index) {
            ends = shares.clone();
            Arrays.parallelPrefix(ends, Double::sum);
            at = new SplittableRandom(index).nextDouble();
        }

        @Override
        public int add(long tokens) {
            at = (at + GOLDEN) % 1;
            int found = Arrays.binarySearch(ends, at);
            return Math.min(ends.length - 1, found >= 0 ? found + 1 : -found - 1);
        }

        @Override
        public int add(long tokens, long key) {
            return together.task(key, () -> add(tokens));
        }
    }

    /// Remembers the tasks of keys, so that rows with one key go to one task.
    private static final class Together {
        private final Map<Long, Kept> kept = new LinkedHashMap<>(); // by key, the longest unused first

        /// The task of rows with one key, and how many of them it has.
        private record Kept(int task, int rows) {}

        /// @param other chooses a task for a key that has none, or whose task has enough of its rows
        int task(long key, IntSupplier other) {
            Kept before = kept.remove(key);
            Kept now = before == null || before.rows >= MOST_TOGETHER
                    ? new Kept(other.getAsInt(), 1)
                    : new Kept(before.task, before.rows + 1);
            kept.put(key, now);
            if (kept.size() > KEYS) {
                kept.remove(kept.keySet().iterator().next());
            }
            return now.task;
        }
    }

    /// The tokens that each task has received so far from one partition of the input. A row goes to the task with
    /// the least tokens for its share.
    static final class Loads implements Assignment {
        private final double[] shares;
        private final PriorityQueue<Load> queue; // with loads that have grown since, which are passed over
        private final Load[] loads; // by task
        private final Together together = new Together();

        private record Load(int task, double tokens, double filled, int turn) {}

        /// @param shares the shares of the tasks
        /// @param index the index of the input's partition, because each begins with other tasks
        Loads(double[] shares, int index) {
            this.shares = shares;
            queue = new PriorityQueue<>(Comparator.comparingDouble(Load::filled).thenComparingInt(Load::turn));
            loads = new Load[shares.length];
            for (int task = 0; task < shares.length; task++) {
                loads[task] = new Load(task, 0, 0, Math.floorMod(task - index, shares.length));
                queue.add(loads[task]);
            }
        }

        @Override
        public int add(long tokens) {
            return add(least(), tokens);
        }

        @Override
        public int add(long tokens, long key) {
            int task = together.task(key, () -> least().task);
            return add(loads[task], tokens);
        }

        /// Returns the load that has the least for its share.
        private Load least() {
            Load least = queue.element();
            while (!least.equals(loads[least.task])) {
                queue.remove();
                least = queue.element();
            }
            return least;
        }

        private int add(Load load, long tokens) {
            double sum = load.tokens + tokens;
            loads[load.task] = new Load(load.task, sum, sum / shares[load.task], load.turn);
            queue.add(loads[load.task]);
            return load.task;
        }
    }
}
