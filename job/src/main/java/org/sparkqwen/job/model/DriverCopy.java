package org.sparkqwen.job.model;

import java.nio.file.Path;
import org.apache.spark.SparkConf;
import org.sparkqwen.engine.hostcache.ModelCache;
import org.sparkqwen.engine.hostcache.ModelOrigin;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.progress.PackingDisplay;
import org.sparkqwen.job.storage.HadoopFiles;
import org.sparkqwen.job.storage.ModelLocation;

/// The driver's own copy of a model or an adapter that lies on another file system.
public final class DriverCopy {
    private DriverCopy() {}

    /// Returns the directory of the copy, which is made now if the cache has none.
    ///
    /// The copy stays in use until this process ends, because the driver may read it at any time.
    ///
    /// @param uri a directory on a file system that Spark reads
    /// @param conf Spark's configuration, which says how to reach the model
    /// @param cache the cache directory of this host
    /// @throws RuntimeException with one line for a person, if the model cannot be read
    public static Path of(String uri, SparkConf conf, Path cache) {
        HadoopFiles files = ModelLocation.remote(uri).files(conf);
        return of(files, files.list(), cache);
    }

    /// Returns the directory of the copy of a LoRA adapter, under the same conditions.
    ///
    /// @throws InvalidModelException if there is no adapter
    public static Path ofAdapter(String uri, SparkConf conf, Path cache) {
        HadoopFiles files = ModelLocation.remote(uri).files(conf);
        return of(files, files.listAdapter(), cache);
    }

    private static Path of(HadoopFiles files, ModelOrigin origin, Path cache) {
        try (PackingDisplay display = PackingDisplay.of("fetch")) {
            return new ModelCache(cache)
                    .fetch(origin, files, display)
                    .copy()
                    .directory()
                    .toAbsolutePath();
        }
    }
}
