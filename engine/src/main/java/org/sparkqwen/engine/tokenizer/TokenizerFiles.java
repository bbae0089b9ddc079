package org.sparkqwen.engine.tokenizer;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.hostcache.Fingerprint;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;

/// The files from which a model's tokenizer is read, with their contents, so that they can be sent to
/// executors.
///
/// @param directory the directory of the files, for messages
/// @param contents the contents by file name
/// @param origins the places from which the contents were read, for messages, by file name
public record TokenizerFiles(
        String directory, NavigableMap<String, byte[]> contents, NavigableMap<String, String> origins)
        implements Serializable {
    /// The file with the whole tokenizer. If it exists, [#VOCABULARY] and [#MERGES] are not read.
    static final String TOKENIZER = "tokenizer.json";

    static final String VOCABULARY = "vocab.json";
    static final String MERGES = "merges.txt";
    static final String CONFIG = "tokenizer_config.json";
    static final String ADDED_TOKENS = "added_tokens.json";
    static final String SPECIAL_TOKENS = "special_tokens_map.json";

    TokenizerFiles(String directory, Map<String, byte[]> contents) {
        this(directory, new TreeMap<>(contents), new TreeMap<>());
    }

    /// Returns the names of the files that make a tokenizer, among those that exist. It is empty if there is
    /// no tokenizer.
    public static List<String> names(Predicate<String> isThere) {
        List<String> names = new ArrayList<>();
        if (isThere.test(TOKENIZER)) {
            names.add(TOKENIZER);
        } else if (isThere.test(VOCABULARY) && isThere.test(MERGES)) {
            names.add(VOCABULARY);
            names.add(MERGES);
        } else {
            return List.of();
        }
        for (String name : List.of(CONFIG, ADDED_TOKENS, SPECIAL_TOKENS)) {
            if (isThere.test(name)) {
                names.add(name);
            }
        }
        return names;
    }

    /// Tells whether a model has a tokenizer.
    ///
    /// @param model a directory, or a GGUF file
    /// @throws InvalidModelException if a file of that name is not a regular file, or a GGUF file is damaged
    public static boolean existIn(Path model) {
        return !names(ModelFolder.of(model)::has).isEmpty();
    }

    /// Reads the files of a model that has a tokenizer. Those of a GGUF file are made from its metadata.
    ///
    /// @param model a directory, or a GGUF file
    /// @throws InvalidModelException if one of them cannot be read, or there is no tokenizer
    public static TokenizerFiles read(Path model) {
        ModelFolder folder = ModelFolder.of(model);
        List<String> names = names(folder::has);
        if (names.isEmpty()) {
            throw new InvalidModelException("%s: has neither %s nor %s and %s"
                    .formatted(Quote.line(model.toString()), TOKENIZER, VOCABULARY, MERGES));
        }
        NavigableMap<String, byte[]> contents = new TreeMap<>();
        NavigableMap<String, String> origins = new TreeMap<>();
        for (String name : names) {
            contents.put(name, folder.read(name));
            origins.put(name, folder.origin(name));
        }
        return new TokenizerFiles(folder.directory().toString(), contents, origins);
    }

    /// Returns a single tokenizer.json, whatever its name is and whatever lies beside it.
    static TokenizerFiles ofFile(Path tokenizerJson) {
        Path directory = tokenizerJson.toAbsolutePath().getParent();
        return new TokenizerFiles(String.valueOf(directory), Map.of(TOKENIZER, ModelInput.read(tokenizerJson)));
    }

    /// Returns the sha256 of the names and contents of the files. It identifies them wherever they are.
    public String sha256() {
        return Fingerprint.of(contents);
    }

    byte @Nullable [] content(String name) {
        return contents.get(name);
    }

    /// Returns the file's path for messages, or the GGUF file from which it was made.
    String origin(String name) {
        return origins.getOrDefault(name, Quote.line(Path.of(directory, name).toString()));
    }
}
