package org.sparkqwen.job.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.MapStatus;
import org.apache.spark.scheduler.MapStatus$;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.SerializerInstance;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.storage.BlockManagerMessages;
import org.apache.spark.storage.BlockStatus;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.job.testing.LocalSpark;
import scala.Option;
import scala.Tuple2;
import scala.jdk.javaapi.CollectionConverters;
import scala.reflect.ClassTag$;

/// What a driver has to do for each executor and each task, measured with Spark's own classes. The constants of the
/// simulation come from here, and docs/scale.md has the figures.
@Tag("slow")
class DriverLoadTest {
    private static final int ROUNDS = 300;

    private final SparkContext spark = LocalSpark.session().sparkContext();
    private final SerializerInstance serializer = new JavaSerializer(new SparkConf()).newInstance();

    private static void print(String figure) {
        System.out.println("driver: " + figure);
    }

    private int bytes(Object message) {
        return serializer.serialize(message, ClassTag$.MODULE$.Object()).remaining();
    }

    private static BlockManagerId executor(int number) {
        return BlockManagerId.apply(
                Integer.toString(number), "10.20.%d.%d".formatted(number / 250, number % 250), 41_000, Option.empty());
    }

    /// An executor asks for each piece of a broadcast who has it.
    @Test
    void anAnswerNamesAllWhoHaveAPiece() {
        for (int holders : new int[] {1, 10, 100, 1000}) {
            List<BlockManagerId> having = new ArrayList<>();
            for (int i = 0; i < holders; i++) {
                having.add(executor(i));
            }
            Object answer = new BlockManagerMessages.BlockLocationsAndStatus(
                    CollectionConverters.asScala(having).toSeq(),
                    new BlockStatus(StorageLevel.MEMORY_AND_DISK_SER(), 4 << 20, 0),
                    Option.empty());
            int size = bytes(answer);
            for (int i = 0; i < ROUNDS; i++) {
                bytes(answer);
            }
            long start = System.nanoTime();
            for (int i = 0; i < ROUNDS; i++) {
                bytes(answer);
            }
            print("an answer with %,d holders has %,d bytes and takes %.1f us"
                    .formatted(holders, size, (System.nanoTime() - start) / 1e3 / ROUNDS));
            assertThat(size).isPositive();
        }
    }

    @Test
    void tasksAreStartedOneAfterTheOther() {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark);
        for (int tasks : new int[] {5000, 20_000}) {
            long start = System.nanoTime();
            long count =
                    context.parallelize(Collections.nCopies(tasks, 0), tasks).count();
            print("%,d empty tasks: %,.0f a second".formatted(count, tasks / ((System.nanoTime() - start) / 1e9)));
        }
    }

    @Test
    void aTaskThatReadsNamesTheSizeOfEachTaskThatComputes() {
        for (int tasks : new int[] {2000, 20_480, 320_000}) {
            long[] sizes = new long[tasks];
            for (int i = 0; i < 150; i++) {
                sizes[(int) (i * 7919L % tasks)] = 4000;
            }
            MapStatus status = MapStatus$.MODULE$.apply(executor(1), sizes, 1, 0);
            print("a task that reads tells %,d bytes about %,d tasks that compute".formatted(bytes(status), tasks));
        }
    }

    @Test
    void aHeartbeatHasTheAccumulatorsOfEachTask() {
        List<Tuple2<Object, Object>> tasks = new ArrayList<>();
        for (long task = 0; task < 64; task++) {
            List<Object> counts = new ArrayList<>();
            for (int i = 0; i < 14; i++) { // some ten of Spark's, and ours
                LongAccumulator count = spark.longAccumulator("internal.metrics.executorRunTime");
                LongAccumulator ofTask = serializer.deserialize(
                        serializer.serialize(count, ClassTag$.MODULE$.Object()),
                        ClassTag$.MODULE$.apply(LongAccumulator.class));
                ofTask.add(123_456 + i);
                counts.add(ofTask);
            }
            tasks.add(new Tuple2<>(task, CollectionConverters.asScala(counts).toSeq()));
        }
        Object heartbeat = tasks.toArray();
        int size = bytes(heartbeat);
        long start = System.nanoTime();
        for (int i = 0; i < ROUNDS; i++) {
            Object read = serializer.deserialize(
                    serializer.serialize(heartbeat, ClassTag$.MODULE$.Object()), ClassTag$.MODULE$.Object());
            assertThat(read).isNotNull();
        }
        print("a heartbeat of 64 tasks has %,d bytes, and takes %.0f us to write and read"
                .formatted(size, (System.nanoTime() - start) / 1e3 / ROUNDS));
    }
}
