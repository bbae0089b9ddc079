package org.sparkqwen.job.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.storage.ModelLocation;
import picocli.CommandLine.Option;

/// The option that names an adapter.
final class LoraOption {
    @ChangesNoRow
    @Option(
            names = "--lora",
            paramLabel = "DIR",
            description = "The LoRA adapter in this directory is merged into the weights of the model when they are"
                    + " packed. It is as PEFT saves it, with adapter_config.json and adapter_model.safetensors, and"
                    + " lies on this machine, from which executors get it. A packed model takes no adapter."
                    + " Default: none.")
    private @Nullable String directory;

    /// Returns the adapter's directory; null if none was given.
    ///
    /// @throws Refusal if it is a URI
    @Nullable
    Path directory() {
        if (directory != null && ModelLocation.WITH_SCHEME.matcher(directory).matches()) {
            throw Refusal.usage("--lora takes a directory of this machine, not a URI; copy the adapter here");
        }
        return directory == null ? null : Path.of(directory);
    }
}
