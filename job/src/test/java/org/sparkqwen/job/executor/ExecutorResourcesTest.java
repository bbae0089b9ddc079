package org.sparkqwen.job.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.job.model.ExecutorOptions;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.testing.LocalSpark;

/// An executor opens its engine with the run's options, and decides itself what they leave open.
class ExecutorResourcesTest {
    @Test
    void optionsThatAreGivenReachTheEngine() {
        ExecutorOptions given = ExecutorOptions.DEFAULT
                .withKernels(KernelChoice.SCALAR)
                .withThreads(3)
                .withBatchTokens(64)
                .withMaxSequences(8)
                .withKeyValues(KeyValueFormat.BF16)
                .withMemory(1 << 20)
                .withCacheDirectory("/caches/a");
        assertThat(ExecutorResources.engineOptions(given, LocalSpark.MODEL, null, 1))
                .isEqualTo(new EngineOptions(KernelChoice.SCALAR, 3, 64, 8)
                        .withKeyValues(new KeyValueOptions(KeyValueFormat.BF16, 1 << 20))
                        .withCache(Path.of("/caches/a")));
    }

    @Test
    void whatIsLeftOpenIsThatOfTheHost() {
        EngineOptions options = ExecutorResources.engineOptions(ExecutorOptions.DEFAULT, LocalSpark.MODEL, null, 1);
        assertThat(options.threads()).isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(options.keyValues().bytes()).isPositive();
        assertThat(options.cache()).isEqualTo(Path.of(System.getenv(CacheDirectory.VARIABLE)));
    }
}
