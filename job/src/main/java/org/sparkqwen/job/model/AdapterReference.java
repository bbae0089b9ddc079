package org.sparkqwen.job.model;

import java.io.IOException;
import java.io.PrintStream;
import java.io.Serializable;
import java.nio.file.Path;
import org.apache.spark.SparkConf;
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

/// A LoRA adapter, of which the driver's machine has the files, and how executors get it.
///
/// @param directory the directory on the driver, an absolute path
/// @param origin where the adapter is, as the user knows it: the directory, or the URI of which the directory is a copy
/// @param sha256 the sha256 over the names and the contents of its files
record AdapterReference(String directory, String origin, String sha256, ModelSource source) implements Serializable {
    /// @param cacheDirectory where sha256 are remembered; null for the default
    /// @throws InvalidModelException if the directory has no adapter
    static AdapterReference of(Path directory, @Nullable String cacheDirectory) {
        Path absolute = directory.toAbsolutePath().normalize();
        return of(absolute, absolute.toString(), cacheDirectory);
    }

    /// Makes the driver's own copy of an adapter that lies elsewhere, unless its cache has one.
    ///
    /// @param cacheDirectory the cache; null for the default
    /// @throws InvalidModelException if there is no adapter
    static AdapterReference fetch(String uri, SparkConf conf, @Nullable String cacheDirectory) {
        Path copy = DriverCopy.ofAdapter(uri, conf, CacheDirectory.of(cacheDirectory));
        return of(copy, uri, cacheDirectory);
    }

    private static AdapterReference of(Path absolute, String origin, @Nullable String cacheDirectory) {
        String sha256 = new AdapterFiles(absolute).sha256(CacheDirectory.of(cacheDirectory));
        String directory = absolute.toString();
        return new AdapterReference(directory, origin, sha256, new ModelSource.SharedAdapter(directory, sha256));
    }

    /// Returns whether only the driver has the directory, because it is the driver's copy.
    boolean isRemote() {
        return !origin.equals(directory);
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
                    origin,
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
