package org.sparkqwen.job.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.StandaloneCluster;

/// A dry run that is submitted to a cluster measures the speed on the driver, and with `--probe` on the executors.
@Tag("slow")
class ProbeIT {
    @TempDir
    private Path directory;

    @Test
    void theExecutorsMeasureOnlyWithProbe() {
        try (StandaloneCluster cluster = StandaloneCluster.start(directory)) {
            String out = directory.resolve("out").toString();
            String[] dry = LittleModel.command("score", LocalSpark.CORPUS, out, "--dry-run");
            CommandRun here = cluster.submit(dry);
            assertThat(here.exitCode()).as(here.out()).isZero();
            assertThat(cluster.masterLog()).doesNotContain("Registered app");

            String[] probe = LittleModel.command("score", LocalSpark.CORPUS, out, "--dry-run", "--probe");
            CommandRun there = cluster.submit(probe);
            assertThat(there.exitCode()).as(there.out()).isZero();
            assertThat(there.out()).contains("on 2 cores");
            assertThat(cluster.masterLog()).contains("Registered app");
            assertThat(directory.resolve("out")).doesNotExist();
        }
    }
}
