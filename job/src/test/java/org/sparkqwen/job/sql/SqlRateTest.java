package org.sparkqwen.job.sql;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.function.ToLongFunction;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.job.executor.ExecutorEngine;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LocalSpark;

/// Prints how fast SQL and the command line score 10,000 rows. Only the batches are asserted, because times differ from
/// machine to machine.
@Tag("slow")
class SqlRateTest {
    private static final int ROWS = 10_000;
    private static final int ROUNDS = 3;

    @TempDir
    private Path directory = Path.of("");

    @Test
    void batchesAreAsFullAsThoseOfTheCommandLine() {
        String input = directory.resolve("rows").toString();
        LocalSpark.session()
                .range(ROWS)
                .withColumn("n", col("id").mod(220))
                .join(LocalSpark.corpus().selectExpr("row_number() OVER (ORDER BY id) - 1 AS n", "text"), "n")
                .selectExpr("id", "substr(text, 1 + id DIV 220 * 20, 160) AS text")
                .repartition(4)
                .write()
                .parquet(input);
        for (int round = 0; round < ROUNDS; round++) {
            String output = directory.resolve("out-" + round).toString();
            Measured command = Measured.of(() -> {
                CommandRun run = CommandRun.of(LocalSpark.command("score", input, output, "--columns", "id"));
                assertThat(run.exitCode()).as(run.err()).isZero();
            });
            SparkSession session = LocalSpark.session().newSession();
            session.conf().set("spark.qwen.model", LocalSpark.MODEL.toString());
            session.read().parquet(input).createOrReplaceTempView("rows");
            Measured sql =
                    Measured.of(() -> session.sql("SELECT id, s.* FROM (SELECT id, qwen_score(text) AS s FROM rows)")
                            .write()
                            .parquet(output + "-sql"));
            System.out.printf("command line %s; SQL %s%n", command, sql);
            assertThat(sql.occupancy()).isGreaterThan(0.95);
        }
    }

    /// @param occupancy the mean tokens of a batch, as a share of those that it may have
    private record Measured(double seconds, double occupancy) {
        static Measured of(Runnable work) {
            long tokens = sum(Load::batchTokens);
            long batches = sum(Load::batches);
            long start = System.nanoTime();
            work.run();
            double seconds = (System.nanoTime() - start) / 1e9;
            int limit = ExecutorEngine.engines().getFirst().options().batchTokens();
            return new Measured(
                    seconds, (double) (sum(Load::batchTokens) - tokens) / (sum(Load::batches) - batches) / limit);
        }

        private static long sum(ToLongFunction<Load> count) {
            return ExecutorEngine.engines().stream()
                    .map(Engine::load)
                    .mapToLong(count)
                    .sum();
        }

        @Override
        public String toString() {
            return "%.2f s, %,.0f rows/s, batches %.1f %% full".formatted(seconds, ROWS / seconds, 100 * occupancy);
        }
    }
}
