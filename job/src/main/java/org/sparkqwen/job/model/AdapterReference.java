package org.sparkqwen.job.model;

import java.io.IOException;
import java.io.PrintStream;
import java.io.Serializable;
import java.nio.file.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.progress.CopyDisplay;
import org.sparkqwen.job.progress.PackingDisplay;
import org.sparkqwen.job.storage.CacheDirectory;

/// A LoRA adapter of the driver's machine, and how executors get it.
///
/// @param directory the directory on the driver, an absolute path
/// @param sha256 the sha256 over the names and the contents of its files
record AdapterReference(String directory, String sha256, ModelSource source) implements Serializable {
    /// @param cacheDirectory where sha256 are remembered; null for the default
    /// @throws InvalidModelException if the directory has no adapter
    static AdapterReference of(Path directory, @Nullable String cacheDirectory) {
        String absolute = directory.toAbsolutePath().normalize().toString();
        String sha256 = new AdapterFiles(Path.of(absolute)).sha256(CacheDirectory.of(cacheDirectory));
        return new AdapterReference(absolute, sha256, new ModelSource.SharedAdapter(absolute, sha256));
    }

    Path path() {
        return Path.of(directory);
    }

    /// Returns the adapter as hosts get it from the driver, over Spark's own network.
    ///
    /// @param cacheDirectory where sha256 are remembered; null for the default
    AdapterReference broadcast(SparkSession spark, @Nullable String cacheDirectory, PrintStream out) {
        ModelFiles files = ModelFiles.of(new AdapterFiles(path()), CacheDirectory.of(cacheDirectory));
        try (PackingDisplay display = PackingDisplay.of("broadcast")) {
            JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
            return new AdapterReference(
                    directory,
                    sha256,
                    new ModelSource.Broadcasted(
                            files,
                            BroadcastFiles.of(context, path(), files, display),
                            CopyDisplay.show(spark, files.bytes(), out)));
        } catch (IOException e) {
            throw Refusal.failure("%s cannot be broadcast: %s".formatted(directory, Failures.firstLine(e)), e);
        }
    }
}
