package org.sparkqwen.job;

import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.checkpoint.Fingerprint;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.TensorPlan;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// A model that was checked on the driver, and how executors run it. Travels to them; they open the same directory,
/// which every host must see under the same path.
///
/// @param directory an absolute path
/// @param label `name@sha256`, the first twelve digits: what the output's `model` column says
/// @param sha256 of the whole model, see [Fingerprint]
/// @param options how executors run it
public record ModelReference(String directory, String label, String sha256, ExecutorOptions options)
        implements Serializable {

    private static final int LABEL_DIGITS = 12;

    /// Checks everything about a model but the values of its weights, and fingerprints it: reads every byte once,
    /// unless the cache knows it.
    ///
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path directory, ExecutorOptions options) {
        Path absolute = directory.toAbsolutePath().normalize();
        try (WeightFiles weights = WeightFiles.open(absolute)) {
            ModelConfig config = ModelConfig.read(absolute);
            List<String> differences = TensorPlan.of(config).differences(weights);
            if (!differences.isEmpty()) {
                throw new InvalidModelException("%s: %s%s; see: inspect --model %s"
                        .formatted(
                                absolute,
                                differences.getFirst(),
                                differences.size() > 1 ? " and %d more faults".formatted(differences.size() - 1) : "",
                                directory));
            }
            String sha256 = Fingerprint.of(weights, CacheDirectory.of(options.cacheDirectory()));
            String label = "%s@%s".formatted(absolute.getFileName(), sha256.substring(0, LABEL_DIGITS));
            return new ModelReference(absolute.toString(), label, sha256, options);
        }
    }

    /// With the default options.
    ///
    /// @throws InvalidModelException if the engine cannot run it
    public static ModelReference open(Path directory) {
        return open(directory, ExecutorOptions.DEFAULT);
    }

    public Path path() {
        return Path.of(directory);
    }

    /// Its name, as in the output's `model` column, and all of its sha256.
    String identity() {
        return "%s@%s".formatted(path().getFileName(), sha256);
    }

    ModelConfig config() {
        return ModelConfig.read(path());
    }

    /// How many ids, from 0 on, a text may have.
    int choosableTokens() {
        return Engine.choosableTokens(hasTokenizer() ? tokenizer() : null, config());
    }

    boolean hasTokenizer() {
        return Files.exists(tokenizerJson());
    }

    /// @throws InvalidModelException if the model has none, or one of another kind
    Tokenizer tokenizer() {
        return Tokenizer.read(tokenizerJson());
    }

    private Path tokenizerJson() {
        return path().resolve("tokenizer.json");
    }

    /// Called on an executor.
    Engine openEngine() {
        return Engine.open(path(), options.engineOptions(config()));
    }
}
