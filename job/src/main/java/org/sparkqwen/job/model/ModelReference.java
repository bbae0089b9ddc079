package org.sparkqwen.job.model;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.hostcache.ModelCache;
import org.sparkqwen.engine.hostcache.ModelFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.run.DocumentPrefix;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.run.OutputVocabulary;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;
import org.sparkqwen.job.progress.PackingDisplay;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.storage.HadoopFiles;

/// A model that was checked on the driver, and how executors get and run it. It is sent to executors.
///
/// @param directory an absolute path on the driver
/// @param origin where the model is, as the user knows it: that path, or a URI
/// @param label `name@sha256` with the first twelve digits, as in the output's column `model`
/// @param sha256 the sha256 of the whole model, see [Fingerprint]
/// @param options how executors run the model
/// @param source how executors get the model
/// @param warnings what a person should know of the model's files, a line each
public record ModelReference(
        String directory,
        String origin,
        String label,
        String sha256,
        ExecutorOptions options,
        ModelSource source,
        List<String> warnings)
        implements Serializable {

    private static final int LABEL_DIGITS = 12;

    /// Checks everything about a model except the values of its weights, and fingerprints it. This reads every byte
    /// once, unless the cache knows the model. Every host must see the model under the same path.
    ///
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path directory, ExecutorOptions options) {
        Path absolute = directory.toAbsolutePath().normalize();
        return open(absolute, absolute.toString(), String.valueOf(absolute.getFileName()), options);
    }

    /// Opens a model with the default options.
    ///
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path directory) {
        return open(directory, ExecutorOptions.DEFAULT);
    }

    /// Opens a model that lies elsewhere, through the driver's own copy of it.
    ///
    /// @param files the model's files, of which the driver gets a copy first if its cache has none
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference fetch(HadoopFiles files, ExecutorOptions options) {
        ModelCache cache = new ModelCache(CacheDirectory.of(options.cacheDirectory()));
        try (PackingDisplay display = PackingDisplay.of("fetch")) {
            // The copy stays in use until this process ends, because the driver may read it at any time.
            Path copy = cache.fetch(files.list(), files, display).copy().directory();
            String uri = files.uri();
            return open(copy.toAbsolutePath(), uri, uri.substring(uri.lastIndexOf('/') + 1), options);
        }
    }

    private static ModelReference open(Path directory, String origin, String name, ExecutorOptions options) {
        ModelConfig stated = ModelConfig.read(directory);
        try (WeightFiles weights = WeightFiles.open(directory, stated.family().names())) {
            ModelConfig config = stated.with(weights);
            List<String> differences = TensorPlan.of(config).differences(weights);
            if (!differences.isEmpty()) {
                throw new InvalidModelException("%s: %s%s; see: inspect --model %s"
                        .formatted(
                                origin,
                                differences.getFirst(),
                                differences.size() > 1 ? " and %d more faults".formatted(differences.size() - 1) : "",
                                directory));
            }
            String sha256 = Fingerprint.of(weights, CacheDirectory.of(options.cacheDirectory()));
            String label = "%s@%s".formatted(name, sha256.substring(0, LABEL_DIGITS));
            return new ModelReference(
                    directory.toString(),
                    origin,
                    label,
                    sha256,
                    options,
                    new ModelSource.Shared(directory.toString(), sha256),
                    ModelWarnings.of(directory, config));
        }
    }

    /// Distributes the model to a cluster whose hosts do not see the directory. They copy it from the driver and
    /// from each other, once each, into their caches. This reads all of the model. What the driver holds for
    /// executors is freed with this object.
    public ModelReference broadcast(SparkSession spark) {
        return ModelDistribution.BROADCAST.distribute(this, spark, System.err);
    }

    ModelReference from(ModelSource other) {
        return new ModelReference(directory, origin, label, sha256, options, other, warnings);
    }

    boolean isRemote() {
        return !origin.equals(directory);
    }

    /// Returns the files to copy. Called on the driver.
    ModelFiles files() {
        try (WeightFiles weights = WeightFiles.open(path())) {
            return ModelFiles.of(weights, CacheDirectory.of(options.cacheDirectory()));
        }
    }

    /// Returns the model's directory on the driver.
    public Path path() {
        return Path.of(directory);
    }

    /// Returns the model's name, as in the output's column `model`, with all digits of its sha256.
    public String identity() {
        return "%s@%s".formatted(label.substring(0, label.length() - LABEL_DIGITS - 1), sha256);
    }

    public ModelConfig config() {
        return ModelConfig.read(path());
    }

    /// Returns how many token ids, from 0 on, a text may have.
    public int choosableTokens() {
        return new OutputVocabulary(hasTokenizer() ? tokenizer() : null, config()).size();
    }

    public boolean hasTokenizer() {
        return TokenizerFiles.existIn(path());
    }

    /// @throws InvalidModelException if the model has no tokenizer, or an unsupported one
    public Tokenizer tokenizer() {
        return Tokenizer.ofModel(path());
    }

    /// Returns the prefix of the model's documents.
    public DocumentPrefix documentPrefix() {
        return new DocumentPrefix(hasTokenizer() ? tokenizer() : null, config());
    }

    /// Opens an engine. Called on an executor.
    ///
    /// @param copy the model's directory on the executor's host
    public Engine openEngine(Path copy) {
        return Engine.open(copy, options.engineOptions(ModelConfig.read(copy)));
    }
}
