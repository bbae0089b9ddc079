package org.sparkqwen.engine.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.gguf.GgufModel;
import org.sparkqwen.engine.gguf.GgufNames;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;
import org.sparkqwen.engine.modelfile.ModelJson;

/// The small files of a model, wherever a path leads: to a Hugging Face directory, a packed one, a GGUF file, or a
/// directory with one GGUF model. The metadata of a GGUF file are translated to the files that a directory has, so
/// whoever reads one of these files need not know where it comes from.
///
/// Beside a GGUF file, these files count: generation_config.json, chat_template.jinja and tokenizer.json, and with a
/// tokenizer.json also the files that add to it. The directory's config.json does not count.
public final class ModelFolder {
    public static final String CONFIG = "config.json";
    private static final String TOKENIZER = "tokenizer.json";
    private static final String TOKENIZER_CONFIG = "tokenizer_config.json";
    private static final String VOCABULARY = "vocab.json";
    private static final String MERGES = "merges.txt";

    private static final List<String> BESIDE_GGUF = List.of("generation_config.json", "chat_template.jinja", TOKENIZER);

    /// The files that add to a tokenizer.json.
    private static final List<String> WITH_TOKENIZER =
            List.of(TOKENIZER_CONFIG, "added_tokens.json", "special_tokens_map.json");

    private static final int LOOKED_AT = 10_000; // names of a directory

    private final Path directory;
    private final @Nullable GgufModel gguf;

    private ModelFolder(Path directory, @Nullable GgufModel gguf) {
        this.directory = directory;
        this.gguf = gguf;
    }

    /// Returns the folder to which a path leads. A GGUF file that is not named itself counts only in a directory
    /// that has neither safetensors nor packed weights.
    ///
    /// @throws InvalidModelException if the GGUF file is damaged, or if the directory has several such models
    public static ModelFolder of(Path model) {
        if (namesGguf(model)) {
            return new ModelFolder(Objects.requireNonNull(model.toAbsolutePath().getParent()), GgufModel.read(model));
        }
        List<String> names = Files.isDirectory(model) && !hasOtherWeights(model) ? gguf(model) : List.of();
        return new ModelFolder(model, names.isEmpty() ? null : GgufModel.read(model.resolve(names.getFirst())));
    }

    /// Whether a path is that of a GGUF file, which need not exist.
    public static boolean namesGguf(Path model) {
        return String.valueOf(model.getFileName()).endsWith(GgufNames.ENDING) && !Files.isDirectory(model);
    }

    private static boolean hasOtherWeights(Path directory) {
        return Checkpoint.isIn(directory) || Files.exists(directory.resolve(PackedFile.NAME));
    }

    private static List<String> gguf(Path directory) {
        try (Stream<Path> content = Files.list(directory)) {
            List<String> names = content.limit(LOOKED_AT)
                    .map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(GgufNames.ENDING))
                    .toList();
            return GgufNames.only(names, Quote.line(directory.toString()));
        } catch (IOException e) {
            throw new InvalidModelException(
                    "%s: cannot be listed (%s)".formatted(Quote.line(directory.toString()), e.getMessage()), e);
        }
    }

    /// The names of the files that count beside a GGUF file, among those for which `isThere` is true.
    public static List<String> besideGguf(Predicate<String> isThere) {
        List<String> names = new ArrayList<>(BESIDE_GGUF);
        if (isThere.test(TOKENIZER)) {
            names.addAll(WITH_TOKENIZER);
        }
        names.removeIf(isThere.negate());
        return names;
    }

    /// The directory of the model's files.
    public Path directory() {
        return directory;
    }

    /// The model in GGUF; empty if the directory has another form, or no model.
    public Optional<GgufModel> gguf() {
        return Optional.ofNullable(gguf);
    }

    /// Whether the model has a file of that name, in its directory or by its metadata.
    ///
    /// @throws InvalidModelException if there is something of that name that is no regular file
    public boolean has(String name) {
        return isBeside(name) || (gguf != null && isTranslated(gguf, name));
    }

    private boolean isBeside(String name) {
        return gguf == null
                ? ModelInput.isThere(directory.resolve(name))
                : besideGguf(file -> ModelInput.isThere(directory.resolve(file)))
                        .contains(name);
    }

    private boolean isTranslated(GgufModel model, String name) {
        return switch (name) {
            case CONFIG, TOKENIZER_CONFIG -> true;
            case VOCABULARY, MERGES -> !isBeside(TOKENIZER) && model.hasTokenizer();
            default -> false;
        };
    }

    /// Reads a file of the model, or makes it from the metadata.
    ///
    /// @throws InvalidModelException if it is absent or unreadable, or if the metadata are not supported
    public byte[] read(String name) {
        if (gguf == null || isBeside(name)) {
            return ModelInput.read(directory.resolve(name));
        }
        return switch (name) {
            case CONFIG -> gguf.config();
            case TOKENIZER_CONFIG -> gguf.tokenizerConfig(!isBeside(TOKENIZER) && gguf.hasTokenizer());
            case VOCABULARY -> gguf.vocabulary();
            case MERGES -> gguf.merges();
            default -> throw new InvalidModelException("%s: no such file".formatted(origin(name)));
        };
    }

    /// Reads a file that is a JSON object.
    ///
    /// @throws InvalidModelException as [#read] says, or if it is malformed
    public JsonNode readObject(String name) {
        return ModelJson.parseObject(read(name), origin(name));
    }

    /// The place of a file, for messages: its path, or that of the GGUF file from which it is made.
    public String origin(String name) {
        return Quote.line(
                gguf == null || isBeside(name)
                        ? directory.resolve(name).toString()
                        : "%s (as %s)".formatted(gguf.file(), name));
    }

    /// Checks every small file of the directory that counts, whether it will be read or not.
    ///
    /// @throws InvalidModelException if one is no regular file, or larger than its kind can be
    void requireReadableAll() {
        if (gguf == null) {
            ModelInput.requireReadableAll(directory);
        } else {
            besideGguf(name -> ModelInput.isThere(directory.resolve(name)))
                    .forEach(name -> ModelInput.requireReadable(directory.resolve(name)));
        }
    }
}
