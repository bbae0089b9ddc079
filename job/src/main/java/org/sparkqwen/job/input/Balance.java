package org.sparkqwen.job.input;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.io.Serializable;
import java.util.Comparator;
import java.util.Iterator;
import java.util.PriorityQueue;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
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
public final class Balance {
    private static final String TOKENS = "_spark_qwen_tokens";
    private static final String TASK = "_spark_qwen_task";

    /// The most rounds of tasks. The last of them has a sixteenth of the tokens.
    private static final int MOST_ROUNDS = 5;

    /// The fewest rows of a task in the first round. With fewer rows there are fewer rounds, because the end of
    /// each task leaves a batch half empty.
    private static final int FEW_ROWS = 16;

    private Balance() {}

    /// Spreads rows over tasks.
    ///
    /// @param rows the rows with their numbers
    /// @param count how many rows there are
    /// @param tokens the estimated tokens of a row; null counts as none
    /// @param cores the cores of the cluster
    public static Dataset<Row> spread(Dataset<Row> rows, long count, Column tokens, int cores) {
        Dataset<Row> estimated = rows.withColumn(
                TOKENS, coalesce(tokens.cast(DataTypes.LongType), lit(0L)).plus(1));
        double[] shares = shares(count, cores);
        int last = estimated.schema().fieldIndex(TOKENS);
        InternalRows assigned =
                InternalRows.of(estimated).map((index, iterator) -> assign(iterator, last, new Loads(shares, index)));
        StructType schema = estimated.schema().add(TASK, DataTypes.IntegerType, false);
        return assigned.dataset(rows.sparkSession(), schema)
                .repartitionById(shares.length, col(TASK))
                .sortWithinPartitions(col(TOKENS).desc(), col(RowNumber.COLUMN))
                .drop(TOKENS, TASK);
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

    private static Iterator<SparkRow> assign(Iterator<SparkRow> rows, int tokensColumn, Loads loads) {
        return InternalRows.append(rows, row -> loads.add(row.getLong(tokensColumn)));
    }

    /// The tokens that each task has received so far from one partition of the input. A row goes to the task with
    /// the least tokens for its share. The same rows always go the same way, so that a retried task changes
    /// nothing.
    static final class Loads {
        private final double[] shares;
        private final PriorityQueue<Load> queue;

        private record Load(int task, double tokens, double filled, int turn) implements Serializable {}

        /// @param shares the shares of the tasks
        /// @param index the index of the input's partition, because each begins with other tasks
        Loads(double[] shares, int index) {
            this.shares = shares;
            queue = new PriorityQueue<>(Comparator.comparingDouble(Load::filled).thenComparingInt(Load::turn));
            for (int task = 0; task < shares.length; task++) {
                queue.add(new Load(task, 0, 0, Math.floorMod(task - index, shares.length)));
            }
        }

        /// @return the task that receives a row with so many tokens
        int add(long tokens) {
            Load least = queue.remove();
            double sum = least.tokens + tokens;
            queue.add(new Load(least.task, sum, sum / shares[least.task], least.turn));
            return least.task;
        }
    }
}
