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
                    + " packed. It is as PEFT saves it, with adapter_config.json and adapter_model.safetensors. It is"
                    + " a path of this machine, or a URI where --model takes one, and executors get it from the"
                    + " driver. A packed model takes no adapter. Default: none.")
    private @Nullable String directory;

    /// Returns where the adapter is; null if none was given.
    ///
    /// @throws Refusal if it is neither a directory nor a URI of one
    @Nullable
    ModelLocation location() {
        String given = directory;
        return given == null ? null : Refusal.about("--lora", () -> ModelLocation.of(given));
    }

    /// Returns the adapter's directory for a command that takes models of this machine alone; null if none was
    /// given.
    ///
    /// @throws Refusal if it is elsewhere
    @Nullable
    Path directory() {
        return switch (location()) {
            case null -> null;
            case ModelLocation.Local local -> local.path();
            case ModelLocation.Remote _ ->
                throw Refusal.usage("--lora takes a directory of this machine here, not a URI; copy the adapter");
        };
    }
}
