package org.sparkqwen.job.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.storage.CacheDirectory;
import picocli.CommandLine.Option;

/// The option that says where models and packed weights are kept.
final class CacheOption {
    @ChangesNoRow
    @Option(
            names = "--cache-dir",
            paramLabel = "DIR",
            description = "Each host keeps its copies of models and packed weights here. Each of them is as large as"
                    + " the weights. The directory is used only if nobody else may write to it or replace it."
                    + " Default: $SPARK_QWEN_CACHE, else $XDG_CACHE_HOME/spark-qwen, else ~/.cache/spark-qwen.")
    private @Nullable Path directory;

    /// Returns the given value as an absolute path, because executors have other working directories; null if none
    /// was given.
    @Nullable
    String given() {
        return directory == null ? null : directory.toAbsolutePath().toString();
    }

    /// Returns the cache directory on this host.
    Path here() {
        return CacheDirectory.of(given());
    }
}
