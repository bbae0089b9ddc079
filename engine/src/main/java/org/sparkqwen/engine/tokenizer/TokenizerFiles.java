package org.sparkqwen.engine.tokenizer;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.ModelJson;
import org.sparkqwen.engine.message.Quote;

/// The files that a model's tokenizer is read from, with what they hold, so that executors can be sent them.
///
/// @param directory where they are, for messages
/// @param contents by file name
public record TokenizerFiles(String directory, Map<String, byte[]> contents) implements Serializable {
    /// The whole tokenizer in one file. Where it is, [#VOCABULARY] and [#MERGES] are not looked at.
    static final String TOKENIZER = "tokenizer.json";

    static final String VOCABULARY = "vocab.json";
    static final String MERGES = "merges.txt";
    static final String CONFIG = "tokenizer_config.json";
    static final String ADDED_TOKENS = "added_tokens.json";
    static final String SPECIAL_TOKENS = "special_tokens_map.json";

    public TokenizerFiles {
        contents = new TreeMap<>(contents);
    }

    /// Names of the files that make a tokenizer, of those that `isThere`; empty where there is none.
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

    /// Whether a directory has a tokenizer.
    public static boolean existIn(Path directory) {
        return !names(name -> Files.exists(directory.resolve(name))).isEmpty();
    }

    /// Reads the files of a directory that has a tokenizer.
    ///
    /// @throws InvalidModelException if one of them cannot be read, or there is no tokenizer
    public static TokenizerFiles read(Path directory) {
        List<String> names = names(name -> Files.exists(directory.resolve(name)));
        if (names.isEmpty()) {
            throw new InvalidModelException("%s: has neither %s nor %s and %s"
                    .formatted(Quote.line(directory.toString()), TOKENIZER, VOCABULARY, MERGES));
        }
        Map<String, byte[]> contents = new TreeMap<>();
        for (String name : names) {
            contents.put(name, bytes(directory.resolve(name)));
        }
        return new TokenizerFiles(directory.toString(), contents);
    }

    /// A tokenizer.json by itself, whatever its name and whatever lies beside it.
    static TokenizerFiles ofFile(Path tokenizerJson) {
        Path directory = tokenizerJson.toAbsolutePath().getParent();
        return new TokenizerFiles(String.valueOf(directory), Map.of(TOKENIZER, bytes(tokenizerJson)));
    }

    byte @Nullable [] content(String name) {
        return contents.get(name);
    }

    /// The file's whole name, for messages.
    String origin(String name) {
        return Quote.line(Path.of(directory, name).toString());
    }

    private static byte[] bytes(Path file) {
        try {
            if (!Files.isRegularFile(file)) {
                throw new InvalidModelException(
                        "%s: %s".formatted(Quote.line(file.toString()), Files.exists(file) ? "no file" : "no such file"));
            }
            long bytes = Files.size(file);
            if (bytes > ModelJson.MAX_BYTES) {
                throw new InvalidModelException("%s: %,d bytes, more than the %,d a tokenizer's file may have"
                        .formatted(Quote.line(file.toString()), bytes, ModelJson.MAX_BYTES));
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new InvalidModelException(
                    "%s: cannot be read (%s)".formatted(Quote.line(file.toString()), Quote.line(e.getMessage())), e);
        }
    }
}
