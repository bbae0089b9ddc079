package org.sparkqwen.job.storage;

import java.nio.file.Files;
import java.nio.file.Path;
import org.sparkqwen.job.failure.Refusal;

/// The small model that comes with the project. It is used if no model is named.
public final class SampleModel {
    /// The environment variable with the project's directory, set by the launcher.
    private static final String HOME_VARIABLE = "SPARK_QWEN_HOME";

    private static final String SAMPLE_MODEL = "data-samples/tiny-qwen3";

    private SampleModel() {}

    /// @throws Refusal if this is not the project's directory, and no launcher has set the variable
    public static Path directory() {
        String home = System.getenv(HOME_VARIABLE);
        Path sample = Path.of(home == null ? "" : home).resolve(SAMPLE_MODEL);
        if (!Files.isDirectory(sample)) {
            throw Refusal.usage("name a model with --model DIR; the small sample model is not here (%s)"
                    .formatted(sample.toAbsolutePath()));
        }
        return sample;
    }
}
