package org.sparkqwen.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.model.ModelConfig;

/// What a person should know of a model's files although the model runs: keys that the engine does not know, and what
/// it decided where files contradict each other. The driver says these lines once; executors stay silent.
public final class ModelWarnings {
    private ModelWarnings() {}

    /// The warnings of all files of a model, each one line that begins with the file's name.
    ///
    /// @param config as read from `directory`
    public static List<String> of(Path directory, ModelConfig config) {
        List<String> lines = new ArrayList<>(config.warnings());
        return List.copyOf(lines);
    }
}
