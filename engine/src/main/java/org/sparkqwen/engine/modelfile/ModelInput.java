package org.sparkqwen.engine.modelfile;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.sparkqwen.engine.message.Quote;

/// Opens the small files of a model directory; nothing else does. They are untrusted: a file may be a named pipe that
/// never ends, a device, or a terabyte that takes no room on the disk. So each is checked first: it must be a regular
/// file, and no larger than its kind can be. Code that reads one, or takes its sha256, asks here before.
///
/// Weights are mapped, not read, and `SafetensorsFile`, `GgufHeader` and `PackedFile` check their sizes.
public final class ModelInput {
    /// The index of a checkpoint that lies in several files.
    public static final String INDEX = "model.safetensors.index.json";

    private static final long MIB = 1 << 20;

    private static final long MOST_OF_OTHERS = 16 * MIB;

    /// The most bytes of a file, by name.
    private static final Map<String, Long> MOST = Map.of(
            "tokenizer.json",
            ModelJson.MAX_BYTES,
            "vocab.json",
            ModelJson.MAX_BYTES,
            "merges.txt",
            ModelJson.MAX_BYTES,
            INDEX,
            ModelJson.MAX_BYTES,
            "chat_template.jinja",
            MIB); // those of published models have up to 20,000

    /// Small files that the engine or a copy of the model may read.
    private static final List<String> NAMES = List.of(
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            "added_tokens.json",
            "special_tokens_map.json",
            "vocab.json",
            "merges.txt",
            "modules.json",
            "config_sentence_transformers.json",
            INDEX);

    private ModelInput() {}

    /// Checks every small file that a model directory has, whether it will be read or not.
    ///
    /// @throws InvalidModelException if one is no regular file, or larger than its kind can be
    public static void requireReadableAll(Path directory) {
        for (String name : NAMES) {
            Path file = directory.resolve(name);
            if (isThere(file)) {
                requireReadable(file);
            }
        }
    }

    /// Whether there is such a regular file.
    ///
    /// @throws InvalidModelException if there is something of that name that is no regular file
    public static boolean isThere(Path file) {
        if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        if (Files.isRegularFile(file)) {
            return true;
        }
        throw new InvalidModelException("%s: %s; a model's files are regular files or links to such"
                .formatted(Quote.line(file.toString()), kind(file)));
    }

    private static String kind(Path file) {
        if (!Files.exists(file)) {
            return "a link to a file that does not exist; download the model again";
        }
        return Files.isDirectory(file) ? "a directory" : "a pipe, a device or a socket";
    }

    /// Reads all of a file.
    ///
    /// @throws InvalidModelException if it is absent, no regular file, larger than its kind can be, or cannot
    ///     be read
    public static byte[] read(Path file) {
        requireReadable(file);
        int most = (int) most(file);
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(most + 1);
            if (bytes.length > most) {
                throw tooLarge(file, bytes.length); // it has grown since
            }
            return bytes;
        } catch (IOException e) {
            throw new InvalidModelException(
                    "%s: cannot be read (%s)".formatted(Quote.line(file.toString()), e.getMessage()), e);
        }
    }

    /// Checks a file that is read later, by any code.
    ///
    /// @throws InvalidModelException if it is absent, no regular file, or larger than its kind can be
    public static void requireReadable(Path file) {
        if (!isThere(file)) {
            throw new InvalidModelException("%s: no such file".formatted(Quote.line(file.toString())));
        }
        try {
            requireSize(file, Files.size(file));
        } catch (IOException e) {
            throw new InvalidModelException(
                    "%s: cannot be read (%s)".formatted(Quote.line(file.toString()), e.getMessage()), e);
        }
    }

    /// Checks a file whose sha256 is taken. Weights may have any size, and were checked before.
    ///
    /// @throws InvalidModelException if it is no regular file, or larger than its kind can be
    public static void requireHashable(Path file) {
        String name = String.valueOf(file.getFileName());
        if (!name.endsWith(".safetensors") && !name.endsWith(".packed") && !name.endsWith(".gguf")) {
            requireReadable(file);
        }
    }

    /// Checks the size of a file that is somewhere else.
    ///
    /// @throws InvalidModelException if it is larger than its kind can be
    public static void requireSize(Path file, long bytes) {
        if (bytes > most(file)) {
            throw tooLarge(file, bytes);
        }
    }

    private static InvalidModelException tooLarge(Path file, long bytes) {
        return new InvalidModelException("%s: %,d bytes or more, where such a file has at most %,d"
                .formatted(Quote.line(file.toString()), bytes, most(file)));
    }

    private static long most(Path file) {
        return MOST.getOrDefault(String.valueOf(file.getFileName()), MOST_OF_OTHERS);
    }
}
