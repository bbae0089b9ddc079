package org.sparkqwen.job.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.Success$;
import org.apache.spark.executor.ExecutorMetrics;
import org.apache.spark.executor.TaskMetrics;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.TaskInfo;
import org.apache.spark.scheduler.TaskLocality;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.LocalSpark;
import scala.Option;
import scala.Tuple4;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/// The counts of running tasks, as heartbeats bring them.
class LiveCountsTest {
    private final Counters counters = Counters.register(LocalSpark.session());
    private final LiveCounts counts = new LiveCounts(counters);

    private static TaskInfo task(long id) {
        return new TaskInfo(id, 0, 0, 0, 0, "1", "host", TaskLocality.ANY(), false);
    }

    private void start(long task) {
        counts.onTaskStart(new SparkListenerTaskStart(0, 0, task(task)));
    }

    private void end(long task) {
        counts.onTaskEnd(new SparkListenerTaskEnd(
                0, 0, "ResultTask", Success$.MODULE$, task(task), new ExecutorMetrics(), TaskMetrics.empty()));
    }

    private void heartbeat(long task, Map<LongAccumulator, Long> counted) {
        List<AccumulableInfo> infos = new ArrayList<>();
        counted.forEach((accumulator, count) -> infos.add(new AccumulableInfo(
                accumulator.id(), Option.empty(), Option.apply(count), Option.empty(), false, false, Option.empty())));
        Tuple4<Object, Object, Object, Seq<AccumulableInfo>> ofTask =
                new Tuple4<>(task, 0, 0, CollectionConverters.asScala(infos).toSeq());
        counts.onExecutorMetricsUpdate(new SparkListenerExecutorMetricsUpdate(
                "1", CollectionConverters.asScala(List.of(ofTask)).toSeq(), CollectionConverters.asScala(Map.of())));
    }

    @Test
    void countsOfRunningTasksAreAddedUntilTheyEnd() {
        start(1);
        start(2);
        heartbeat(1, Map.of(counters.rows(), 5L, counters.tokens(), 500L));
        heartbeat(2, Map.of(counters.tokens(), 70L, counters.errors(), 1L));
        assertThat(counts.rows()).isEqualTo(5);
        assertThat(counts.tokens()).isEqualTo(570);
        assertThat(counts.errors()).isEqualTo(1);
        heartbeat(1, Map.of(counters.rows(), 8L, counters.tokens(), 800L, counters.partialRows(), Counters.WHOLE_ROW));
        assertThat(counts.rows()).isEqualTo(8);
        assertThat(counts.rowsAndParts()).isEqualTo(9);
        assertThat(counts.tokens()).isEqualTo(870);
        end(1);
        assertThat(counts.tokens()).isEqualTo(70);
    }

    @Test
    void aHeartbeatAfterTheEndOfItsTaskCountsNothing() {
        start(1);
        end(1);
        heartbeat(1, Map.of(counters.tokens(), 500L));
        heartbeat(9, Map.of(counters.tokens(), 500L));
        assertThat(counts.tokens()).isZero();
    }
}
