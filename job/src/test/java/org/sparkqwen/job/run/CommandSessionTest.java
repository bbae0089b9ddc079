package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.input.InputFormat;
import org.sparkqwen.job.testing.LocalSpark;

/// Whose session a command works in, and what becomes of it.
class CommandSessionTest {
    @TempDir
    private Path directory = Path.of("");

    @Test
    void aSessionThatWasThereStaysOpenWithItsSettings() {
        SparkSession session = LocalSpark.session();
        session.conf().set("spark.sql.shuffle.partitions", "3");
        try (CommandSession command = start(Map.of("spark.sql.shuffle.partitions", "5", "fs.s3a.endpoint", "here"))) {
            assertThat(command.spark().conf().get("spark.sql.shuffle.partitions"))
                    .isEqualTo("5");
            assertThat(command.spark().conf().get("fs.s3a.endpoint")).isEqualTo("here");
        }
        assertThat(session.sparkContext().isStopped()).isFalse();
        assertThat(session.conf().get("spark.sql.shuffle.partitions")).isEqualTo("3");
        assertThat(session.conf().getOption("fs.s3a.endpoint").isDefined()).isFalse();
    }

    @Test
    void aSessionThatACommandStartedEndsWithIt() {
        LocalSpark.session().stop();
        CommandSession command = start(Map.of());
        assertThat(SparkSession.getDefaultSession().isDefined()).isTrue();
        command.close();
        assertThat(SparkSession.getDefaultSession().isDefined()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpu", "fpga"})
    void resourcesOfTasksAreRefusedInLocalMode(String resource) {
        String setting = "spark.task.resource.%s.amount".formatted(resource);
        assertThatThrownBy(() -> start(Map.of("spark.master", "local[2]", setting, "0.5")))
                .isInstanceOf(Refusal.class)
                .hasMessage("in local mode, as in a dry run without --probe, no task would start with %s; leave it out"
                        .formatted(setting));
    }

    private CommandSession start(Map<String, String> conf) {
        InputFormat input = InputFormat.of("parquet", LocalSpark.CORPUS);
        return CommandSession.start(
                "tokenize", RunSettings.of(input, directory.toString()).withConf(conf));
    }
}
