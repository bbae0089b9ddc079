package org.sparkqwen.job.input;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.io.Serializable;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.PriorityQueue;
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
/// The first tasks, one for each core, have half of the tokens, the next tasks half of the rest, and so on. Spark
/// starts them in this order. So there are few tasks, because the end of each leaves a batch half empty. Yet the last
/// tasks are short, so that cores of unequal speed end at about the same time ("factoring": Hummel, Schonberg and
/// Flynn, CACM 35(8), 1992). Within a task the longest rows come first, so that none of them begins when all others are
/// done.
///
/// Rows that cost less together, such as continuations of one prompt, go to one task, some dozens at most, and follow
/// each other there.
public final class Balance {
    private static final String TOKENS = "_spark_qwen_tokens";
    private static final String TOGETHER = "_spark_qwen_together";
    private static final String TASK = "_spark_qwen_task";

    /// The most rounds of tasks. The last of them has a sixteenth of the tokens.
    private static final int MOST_ROUNDS = 5;

    /// The fewest rows of a task in the first round. With fewer rows there are fewer rounds, because the end of
    /// each task leaves a batch half empty.
    private static final int FEW_ROWS = 16;

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
        double[] shares = shares(count, cores);
        int tokens = estimated.schema().fieldIndex(TOKENS);
        int key = together == null ? -1 : estimated.schema().fieldIndex(TOGETHER);
        InternalRows assigned = InternalRows.of(estimated)
                .map((index, iterator) -> assign(iterator, tokens, key, new Loads(shares, index)));
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
    static double[] shares(long rows, int cores) {
        long rowsPerCore = rows / cores;
        int rounds = 1;
        while (rounds < MOST_ROUNDS && rowsPerCore >> rounds >= FEW_ROWS) {
            rounds++;
        }
        double[] shares = new double[cores * rounds];
        for (int task = 0; task < shares.length; task++) {
            int halvings = Math.min(task / cores + 1, rounds - 1);
            shares[task] = Math.pow(0.5, halvings) / cores;
        }
        return shares;
    }

    /// @param keyColumn the column of keys; -1 for none
    private static Iterator<SparkRow> assign(Iterator<SparkRow> rows, int tokensColumn, int keyColumn, Loads loads) {
        return InternalRows.append(
                rows,
                row -> keyColumn < 0
                        ? loads.add(row.getLong(tokensColumn))
                        : loads.add(row.getLong(tokensColumn), row.getLong(keyColumn)));
    }

    /// The tokens that each task has received so far from one partition of the input. A row goes to the task with
    /// the least tokens for its share. The same rows always go the same way, so that a retried task changes
    /// nothing.
    static final class Loads {
        private final double[] shares;
        private final PriorityQueue<Load> queue;
        private final Load[] loads; // by task
        private final Map<Long, Kept> kept = new LinkedHashMap<>(); // by key, the longest unused first

        private record Load(int task, double tokens, double filled, int turn) implements Serializable {}

        /// The task of rows with one key, and how many of them it has.
        private record Kept(int task, int rows) implements Serializable {}

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

        /// @return the task that receives a row with so many tokens
        int add(long tokens) {
            return add(queue.element(), tokens);
        }

        /// @param key equal for rows that should have one task
        /// @return the task that receives a row with so many tokens
        int add(long tokens, long key) {
            Kept before = kept.remove(key);
            if (before == null || before.rows >= MOST_TOGETHER) {
                before = new Kept(queue.element().task, 0);
            }
            int task = add(loads[before.task], tokens);
            kept.put(key, new Kept(task, before.rows + 1));
            if (kept.size() > KEYS) {
                kept.remove(kept.keySet().iterator().next());
            }
            return task;
        }

        private int add(Load load, long tokens) {
            queue.remove(load);
            double sum = load.tokens + tokens;
            loads[load.task] = new Load(load.task, sum, sum / shares[load.task], load.turn);
            queue.add(loads[load.task]);
            return load.task;
        }
    }
}
