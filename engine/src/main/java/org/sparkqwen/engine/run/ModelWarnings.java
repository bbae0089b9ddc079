package org.sparkqwen.engine.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;

/// Collects warnings about the files of a model that runs all the same: keys that the engine does not know, and its
/// decisions where files contradict each other. The driver prints these lines once; executors stay silent.
public final class ModelWarnings {
    private ModelWarnings() {}

    /// The warnings of all files of a model, each one line that begins with the file's name.
    ///
    /// @throws InvalidModelException if its configuration or its weights cannot be read
    public static List<String> of(Path directory) {
        ModelConfig config = ModelConfig.read(directory);
        try (WeightFiles weights = WeightFiles.open(directory, config.family().names())) {
            return of(directory, config.with(weights));
        }
    }

    /// The warnings of all files of a model that is open. The tokenizer is parsed for them.
    ///
    /// @param config as read from `directory`, with its weights
    public static List<String> of(Path directory, ModelConfig config) {
        return of(directory, config, tokenizer(directory));
    }

    /// The warnings of all files of a model whose tokenizer is parsed already.
    ///
    /// @param config as read from `directory`, with its weights
    /// @param tokenizer that of `directory`; null for a model without one
    public static List<String> of(Path directory, ModelConfig config, @Nullable Tokenizer tokenizer) {
        List<String> lines = new ArrayList<>(config.warnings());
        if (Files.exists(directory.resolve("adapter_config.json"))) {
            lines.add("adapter_config.json: an adapter lies beside the weights; it is not applied");
        }
        lines.addAll(config.generationDefaults().warnings());
        if (tokenizer != null) {
            lines.addAll(tokenizer.warnings());
        }
        return List.copyOf(lines);
    }

    /// Parses the tokenizer; null if there is none, or if it cannot be read, because its users report that.
    private static @Nullable Tokenizer tokenizer(Path directory) {
        try {
            return TokenizerFiles.existIn(directory) ? Tokenizer.ofModel(directory) : null;
        } catch (InvalidModelException _) {
            return null;
        }
    }
}
