package org.sparkqwen.job.model;

import java.io.Serializable;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.SparkEnv;
import org.apache.spark.util.LongAccumulator;
import org.sparkqwen.engine.checkpoint.AdapterFiles;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.hostcache.ModelCache;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.job.progress.CopyLog;
import org.sparkqwen.job.storage.HadoopFiles;

/// The way in which an executor gets a directory with the model's files. It is used when a task first needs the model,
/// so executors that join late are no special case.
sealed interface ModelSource extends Serializable {

    /// Returns the model's directory on this host, which is there already or is copied now.
    ///
    /// @param cache the cache directory of this host
    /// @throws InvalidModelException if the directory is not there, or holds another model
    ModelCache.Copy open(Path cache);

    /// Returns a key that is the same for sources of the same files.
    String place();

    /// A directory, or a GGUF file, that every host sees under the same path.
    ///
    /// @param sha256 the sha256 of the model on the driver, see [Fingerprint]
    record Shared(String directory, String sha256) implements ModelSource {
        @Override
        public ModelCache.Copy open(Path cache) {
            Path path = Path.of(directory);
            if (!SparkEnv.get().executorId().equals("driver")) {
                refuseOther(path, cache);
            }
            return ModelCache.inPlace(path);
        }

        /// Refuses a directory with another model. This reads all weights once on each host, because the cache
        /// remembers the result. Packing would read them anyway.
        private void refuseOther(Path path, Path cache) {
            if (!Files.exists(path)) {
                throw new InvalidModelException(("%s: not on host %s; with --model-distribution shared every host must"
                                + " see it under this path: fetch or broadcast brings it there")
                        .formatted(directory, host()));
            }
            try (WeightFiles weights = WeightFiles.open(path)) {
                String here = Fingerprint.of(weights, cache);
                if (!here.equals(sha256)) {
                    throw new InvalidModelException(
                            "%s: host %s has another model there than the driver, sha256 %.12s instead of %.12s"
                                    .formatted(directory, host(), here, sha256));
                }
            }
        }

        @Override
        public String place() {
            return directory;
        }
    }

    /// The directory of an adapter, which every host sees under the same path.
    ///
    /// @param sha256 the sha256 of the adapter on the driver
    record SharedAdapter(String directory, String sha256) implements ModelSource {
        @Override
        public ModelCache.Copy open(Path cache) {
            Path path = Path.of(directory);
            if (!SparkEnv.get().executorId().equals("driver")) {
                String here = new AdapterFiles(path).sha256(cache);
                if (!here.equals(sha256)) {
                    throw new InvalidModelException(
                            "%s: host %s has another adapter there than the driver, sha256 %.12s instead of %.12s"
                                    .formatted(directory, host(), here, sha256));
                }
            }
            return ModelCache.inPlace(path);
        }

        @Override
        public String place() {
            return directory;
        }
    }

    /// A remote directory, from which each host copies the files once.
    ///
    /// @param copied counts the bytes
    record Fetched(ModelFiles files, HadoopFiles from, LongAccumulator copied) implements ModelSource {
        @Override
        public ModelCache.Copy open(Path cache) {
            return new ModelCache(cache).open(files, from, new CopyLog(from.uri(), copied));
        }

        @Override
        public String place() {
            return files.key();
        }
    }

    /// The driver's files as broadcast variables, of which each host keeps a copy.
    ///
    /// @param copied counts the bytes
    record Broadcasted(ModelFiles files, BroadcastFiles from, LongAccumulator copied) implements ModelSource {
        @Override
        public ModelCache.Copy open(Path cache) {
            ModelCache.Copy copy = new ModelCache(cache).open(files, from, new CopyLog("the driver's model", copied));
            from.release();
            return copy;
        }

        @Override
        public String place() {
            return files.key();
        }
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "of an unknown name";
        }
    }
}
