package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.job.testing.SparkProcess;

/// The script that tells Spark which GPUs a host has, on hosts of all kinds.
class DiscoverGpusTest {
    private static final String TWO = "{\"name\": \"gpu\", \"addresses\": [\"0\", \"1\"]}\n";

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {"4,6", "GPU-8d1f,GPU-77aa", "0,1,-1,2"})
    void visibleGpusAreCountedFromZero(String visible) throws IOException, InterruptedException {
        assertThat(run(Map.of("CUDA_VISIBLE_DEVICES", visible), directory)).isEqualTo("0 " + TWO);
    }

    @Test
    void nvidiaSmiSaysHowManyThereAre() throws IOException, InterruptedException {
        Path command = Files.writeString(directory.resolve("nvidia-smi"), "#!/bin/sh\nprintf '0\\n1\\n'\n");
        assertThat(command.toFile().setExecutable(true)).isTrue();
        assertThat(run(Map.of("PATH", directory + ":" + System.getenv("PATH")), directory))
                .isEqualTo("0 " + TWO);
    }

    @Test
    void theDriversDirectorySaysItWhereThereIsNoCommand() throws IOException, InterruptedException {
        Path gpus = Files.createDirectories(directory.resolve("gpus"));
        Files.createDirectory(gpus.resolve("0000:1b:00.0"));
        Files.createDirectory(gpus.resolve("0000:43:00.0"));
        assertThat(run(withoutNvidiaSmi(), gpus)).isEqualTo("0 " + TWO);
    }

    @Test
    void aHostWithoutGpusIsAnErrorOfOneLine() throws IOException, InterruptedException {
        Path nothing = directory.resolve("nothing");
        assertThat(run(withoutNvidiaSmi(), nothing))
                .isEqualTo("1 discover-gpus.sh: no NVIDIA driver on this host: there is neither nvidia-smi nor %s\n"
                        .formatted(nothing));
        assertThat(run(Map.of("CUDA_VISIBLE_DEVICES", "-1"), nothing))
                .isEqualTo("1 discover-gpus.sh: there is no GPU according to CUDA_VISIBLE_DEVICES=-1\n");
    }

    /// Returns an environment in which nvidia-smi fails, as on a host whose driver does not answer.
    private Map<String, String> withoutNvidiaSmi() throws IOException {
        Path commands = Files.createDirectories(directory.resolve("commands"));
        Path command = Files.writeString(commands.resolve("nvidia-smi"), "#!/bin/sh\nexit 9\n");
        assertThat(command.toFile().setExecutable(true)).isTrue();
        return Map.of("PATH", commands + ":" + System.getenv("PATH"));
    }

    /// Returns the exit code, a space, and the output.
    private static String run(Map<String, String> environment, Path gpus) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                        SparkProcess.CONF.resolve("discover-gpus.sh").toString(), gpus.toString())
                .redirectErrorStream(true);
        builder.environment().remove("CUDA_VISIBLE_DEVICES");
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return process.waitFor() + " " + output;
    }
}
