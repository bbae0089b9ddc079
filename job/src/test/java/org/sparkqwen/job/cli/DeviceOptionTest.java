package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.job.executor.ExecutorEngine;
import org.sparkqwen.job.testing.CommandRun;
import org.sparkqwen.job.testing.GpuStandIn;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;
import org.sparkqwen.job.testing.ShortCorpus;

/// The device is part of what a run is: rows name it, and a run on another kind of device continues it only if that is
/// allowed. The GPUs are a stand-in that computes with the scalar kernels.
class DeviceOptionTest {
    @TempDir
    private Path directory = Path.of("");

    @BeforeEach
    void startGpus() {
        System.setProperty(GpuStandIn.COUNT, "2");
    }

    @AfterEach
    void stopGpus() {
        System.clearProperty(GpuStandIn.COUNT);
    }

    @Test
    void rowsNameTheGpuAndTheProcessorGoesOnOnlyIfThatIsAllowed() {
        CommandRun first = score("--device", "cuda:1", "--limit", "3");
        assertThat(first.exitCode()).as(first.err()).isZero();
        assertThat(models()).singleElement().asString().matches("[^@]+@[0-9a-f]{12}/cuda");
        assertThat(ExecutorEngine.engines()).anySatisfy(engine -> {
            assertThat(engine.kernels()).isEqualTo("stand-in for cuda:1");
            assertThat(engine.options().kernels().device()).isEqualTo(Device.cuda(1));
            assertThat(engine.options().batchTokens()).isEqualTo(DeviceMemory.MOST_BATCH_TOKENS);
            assertThat(engine.options().keyValues().bytes()).isGreaterThan(GpuStandIn.MEMORY / 2);
        });

        score("--limit", "3")
                .assertRefused(
                        2,
                        "was begun on cuda, and this run is on cpu, whose numbers differ in their last digits; give"
                                + " --device cuda, or --allow-other-device, or choose another --output");
        assertThat(score("--limit", "3", "--allow-other-device").exitCode()).isZero();
        assertThat(score("--device", "cuda", "--limit", "3").exitCode())
                .as("whichever GPU")
                .isZero();
        score("--device", "cuda", "--limit", "3", "--precision", "bfloat16")
                .assertRefused(2, "precision unset, not bfloat16");
    }

    @Test
    void aRunOfTheProcessorGoesOnOnAGpuIfThatIsAllowed() {
        assertThat(score("--limit", "2").exitCode()).isZero();
        score("--device", "cuda", "--limit", "2").assertRefused(2, "was begun on cpu, and this run is on cuda");
        assertThat(score("--device", "cuda", "--limit", "2", "--allow-other-device")
                        .exitCode())
                .isZero();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "cuda:2 | auto | float32 | the device cuda:2 cannot be used: this process sees cuda:0, cuda:1 | 1",
                "cuda | vector | float32 | --device cuda: there are no kernels 'vector' for cuda; there are auto | 2",
                "cuda | auto | int8 | --device cuda: there is no precision int8 on cuda; there are float32 | 2",
                "gpu | auto | float32 | there is no device 'gpu'; there are auto, cpu, cuda | 2"
            })
    void whatAGpuCannotDoIsRefused(String device, String kernels, String precision, String message, int exitCode) {
        CommandRun run = score("--device", device, "--kernels", kernels, "--precision", precision, "--limit", "2");
        run.assertRefused(exitCode, message);
    }

    @Test
    void aFunctionOfSqlComputesOnTheDeviceOfItsSession() {
        LocalSpark.session().conf().set("spark.qwen.device", "cuda:1");
        try {
            Row row = LocalSpark.session()
                    .sql("SELECT qwen_score('It was.', model => '%s').model".formatted(LittleModel.directory()))
                    .first();
            assertThat(row.getString(0)).endsWith("/cuda");
        } finally {
            LocalSpark.session().conf().unset("spark.qwen.device");
        }
    }

    @Test
    void aHostWithoutADriverSaysSo() {
        System.setProperty(GpuStandIn.COUNT, "0");
        score("--device", "cuda", "--limit", "2").assertRefused(2, "--device cuda: " + GpuStandIn.NO_DRIVER);
        assertThat(directory).as("nothing was begun").isEmptyDirectory();
        CommandRun.of("inspect", "--model", LittleModel.directory().toString(), "--device", "cuda")
                .assertRefused(1, "--device cuda: %s; with --device-memory 80g,".formatted(GpuStandIn.NO_DRIVER));
    }

    @Test
    void inspectSaysHowAModelFitsIntoAGpu() {
        String model = LocalSpark.MODEL.toString();
        CommandRun here = CommandRun.of("inspect", "--model", model, "--device", "cuda:1");
        assertThat(here.exitCode()).as(here.err()).isZero();
        assertThat(here.out())
                .contains("  gpu          cuda:1 is Stand-in (sm_0), driver 0.0, with 80.00 GiB of memory,")
                .contains("for batches of 16,896 tokens, the default of --batch-tokens there")
                .contains("left for the KV cache of generate: ")
                .doesNotContain("cuda:0");
        CommandRun elsewhere = CommandRun.of("inspect", "--model", model, "--device", "cuda", "--device-memory", "1g");
        assertThat(elsewhere.out()).contains("  gpu          a GPU with 1.00 GiB of memory");
        CommandRun small = CommandRun.of("inspect", "--model", model, "--device", "cuda", "--device-memory", "530m");
        assertThat(small.exitCode()).isEqualTo(1);
        assertThat(small.out()).contains("the model does not fit: ");
        CommandRun alone = CommandRun.of("inspect", "--model", model, "--device-memory", "80g");
        alone.assertRefused(2, "--device-memory is for --device cuda; give both");
        assertThat(alone.out()).as("nothing is printed before that").isEmpty();
    }

    private Set<Object> models() {
        List<Row> rows = LocalSpark.session()
                .read()
                .parquet(directory.toString())
                .select("model")
                .collectAsList();
        return rows.stream().map(row -> row.get(0)).collect(Collectors.toSet());
    }

    private CommandRun score(String... options) {
        List<String> all = new ArrayList<>(List.of(options));
        all.addAll(List.of("--threads", "1"));
        return CommandRun.of(LocalSpark.command(
                LittleModel.directory(), "score", ShortCorpus.file(), directory, all.toArray(String[]::new)));
    }
}
