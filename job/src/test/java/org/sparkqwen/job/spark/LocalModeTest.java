package org.sparkqwen.job.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.SparkConf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Masters in local mode, and others whose names begin alike.
class LocalModeTest {
    @ParameterizedTest
    @CsvSource({
        "local, true, 1",
        "local[*], true, 1",
        "local[4], true, 1",
        "'local[2,3]', true, 3",
        "'local[*, 5]', true, 5",
        "'local-cluster[2,1,1024]', false, 7",
        "spark://local:7077, false, 7",
        "yarn, false, 7",
        "'', false, 7"
    })
    void tasksRunInTheDriverInLocalModeAlone(String master, boolean local, int tries) {
        SparkConf conf = new SparkConf(false).set("spark.master", master).set("spark.task.maxFailures", "7");
        assertThat(LocalMode.isIn(conf)).isEqualTo(local);
        assertThat(LocalMode.taskTries(conf)).isEqualTo(tries);
    }
}
