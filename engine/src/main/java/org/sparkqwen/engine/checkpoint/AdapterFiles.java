package org.sparkqwen.engine.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;

/// The two files of a directory with a PEFT adapter. Its other files, such as a README, do not count.
///
/// @param directory has both files
public record AdapterFiles(Path directory) {
    private static final String SETTINGS = "adapter_config.json";
    private static final String WEIGHTS = "adapter_model.safetensors";

    /// The names of the files.
    public static final List<String> NAMES = List.of(SETTINGS, WEIGHTS);

    /// @throws InvalidModelException if the directory lacks one of the files
    public AdapterFiles {
        for (String name : NAMES) {
            if (!ModelInput.isThere(directory.resolve(name))) {
                throw new InvalidModelException("%s: not an adapter of PEFT: there is no %s%s"
                        .formatted(
                                Quote.line(directory.toString()),
                                name,
                                Files.exists(directory.resolve("adapter_model.bin"))
                                        ? ", but pickled weights, which are never opened; save it as safetensors"
                                        : ""));
            }
        }
        ModelInput.requireReadable(directory.resolve(SETTINGS));
    }

    /// The file of the adapter's settings.
    public Path settings() {
        return directory.resolve(SETTINGS);
    }

    /// The file of its tensors.
    public Path weights() {
        return directory.resolve(WEIGHTS);
    }

    /// Both files, in the order of their names.
    public List<Path> files() {
        return List.of(settings(), weights());
    }

    /// Computes the sha256 that identifies the adapter: that over the names and sha256 of both files, as
    /// `sha256sum` prints them.
    ///
    /// @param cache a directory that remembers them, see [SourceHashes]; null for none
    /// @return 64 hexadecimal digits
    public String sha256(@Nullable Path cache) {
        StringBuilder lines = new StringBuilder();
        new SourceHashes(cache).of(files()).forEach(lines::append);
        return Sha256.of(lines.toString());
    }
}
