package org.sparkqwen.job.storage;

import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The directory in which a host keeps copies of models and packed weights, from the first of these that says:
///
/// 1. `--cache-dir`;
/// 2. `SPARK_QWEN_CACHE` in the environment;
/// 3. `XDG_CACHE_HOME` in the environment, and there `spark-qwen`;
/// 4. `.cache/spark-qwen` in the home directory.
///
/// Each host decides for itself, so this is called where the directory is used.
public final class CacheDirectory {
    public static final String VARIABLE = "SPARK_QWEN_CACHE";

    private CacheDirectory() {}

    /// @param option the value of `--cache-dir`; null if it was not given
    public static Path of(@Nullable String option) {
        return of(option, System.getenv(), Path.of(System.getProperty("user.home")));
    }

    static Path of(@Nullable String option, Map<String, String> environment, Path home) {
        if (option != null) {
            LocaleEncoding.ofProcess().refuseOthers("--cache-dir", option);
            return Path.of(option);
        }
        String own = environment.getOrDefault(VARIABLE, "");
        if (!own.isEmpty()) {
            return Path.of(own);
        }
        String caches = environment.getOrDefault("XDG_CACHE_HOME", "");
        return (caches.isEmpty() ? home.resolve(".cache") : Path.of(caches)).resolve("spark-qwen");
    }
}
