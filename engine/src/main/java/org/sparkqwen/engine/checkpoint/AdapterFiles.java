package org.sparkqwen.engine.checkpoint;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;

/// The two files of a directory with a PEFT adapter. Its other files, such as a README, do not count.
///
/// @param directory has both files
public record AdapterFiles(Path directory) {
    /// The name of the file of the adapter's settings.
    public static final String SETTINGS = "adapter_config.json";

    /// The name of the file of its tensors.
    public static final String WEIGHTS = "adapter_model.safetensors";

    private static final String PICKLED = "adapter_model.bin";

    /// The names of the files.
    public static final List<String> NAMES = List.of(SETTINGS, WEIGHTS);

    /// @throws InvalidModelException if the directory lacks one of the files
    public AdapterFiles {
        requireAll(
                directory.toString(),
                name -> name.equals(PICKLED)
                        ? Files.exists(directory.resolve(name))
                        : ModelInput.isThere(directory.resolve(name)));
        ModelInput.requireReadable(directory.resolve(SETTINGS));
    }

    /// Checks that a directory has both files.
    ///
    /// @param origin the directory, for messages
    /// @param isThere whether it has a file of a name
    /// @throws InvalidModelException if it lacks one of the files
    public static void requireAll(String origin, Predicate<String> isThere) {
        for (String name : NAMES) {
            if (!isThere.test(name)) {
                throw new InvalidModelException("%s: not an adapter of PEFT: there is no %s%s"
                        .formatted(
                                Quote.line(origin),
                                name,
                                isThere.test(PICKLED)
                                        ? ", but pickled weights, which are never opened; save it as safetensors"
                                        : ""));
            }
        }
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
