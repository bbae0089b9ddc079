package org.sparkqwen.job.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// The first setting that names a directory takes precedence.
class CacheDirectoryTest {
    private static final Path HOME = Path.of("/home/somebody");

    @Test
    void theOptionComesFirst() {
        Map<String, String> environment = Map.of("SPARK_QWEN_CACHE", "/own", "XDG_CACHE_HOME", "/xdg");
        assertThat(CacheDirectory.of("/option", environment, HOME)).isEqualTo(Path.of("/option"));
        assertThat(CacheDirectory.of(null, environment, HOME)).isEqualTo(Path.of("/own"));
    }

    @Test
    void thenTheCachesOfTheUser() {
        assertThat(CacheDirectory.of(null, Map.of("XDG_CACHE_HOME", "/xdg"), HOME))
                .isEqualTo(Path.of("/xdg/spark-qwen"));
        assertThat(CacheDirectory.of(null, Map.of("SPARK_QWEN_CACHE", "", "XDG_CACHE_HOME", ""), HOME))
                .isEqualTo(Path.of("/home/somebody/.cache/spark-qwen"));
    }

    /// Tests of this build, and the processes that they start, leave the home directory alone.
    @Test
    void testsHaveACacheOfTheirOwn() {
        assertThat(CacheDirectory.of(null)).isEqualTo(Path.of("target/cache").toAbsolutePath());
    }
}
