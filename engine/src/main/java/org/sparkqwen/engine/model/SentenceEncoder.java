package org.sparkqwen.engine.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelInput;
import org.sparkqwen.engine.modelfile.ModelJson;

/// The files of sentence-transformers in a model's directory, which make it a model for embeddings: modules.json, the
/// configuration of its pooling, config_sentence_transformers.json with its prompts, and the lengths to which texts are
/// cut.
///
/// @param published whether there is a modules.json, so that the model is one for embeddings
/// @param prompts the texts that may precede a text, by their names
/// @param defaultPrompt the name of the prompt that is used where none is chosen; null for none
/// @param mostTokens the most tokens of a text that sentence-transformers reads, if the model's context has so many:
///     max_seq_length of sentence_bert_config.json, else model_max_length of tokenizer_config.json; empty if neither
///     says
/// @param warnings remarks for the user, a line each
public record SentenceEncoder(
        boolean published,
        Map<String, String> prompts,
        @Nullable String defaultPrompt,
        OptionalInt mostTokens,
        List<String> warnings) {
    private static final String MODULES = "modules.json";
    private static final String PROMPTS = "config_sentence_transformers.json";
    private static final String LENGTH = "sentence_bert_config.json";
    private static final String TOKENIZER = "tokenizer_config.json";
    private static final String POOLING = "pooling_mode_";
    private static final String LAST_TOKEN = "lasttoken";

    public SentenceEncoder {
        prompts = Collections.unmodifiableMap(new LinkedHashMap<>(prompts));
        warnings = List.copyOf(warnings);
    }

    /// Reads the files that exist.
    ///
    /// @param model a directory, or a GGUF file, which has no such files
    /// @throws InvalidModelException if one is malformed, or if the model has another pooling than that of the last
    ///     token, or further modules
    public static SentenceEncoder read(Path model) {
        ModelFolder folder = ModelFolder.of(model);
        List<String> warnings = new ArrayList<>();
        if (folder.gguf().isPresent() || !ModelInput.isThere(folder.directory().resolve(MODULES))) {
            return new SentenceEncoder(false, Map.of(), null, OptionalInt.empty(), warnings);
        }
        checkModules(folder.directory(), warnings);
        OptionalInt mostTokens = mostTokens(folder.directory());
        Path file = folder.directory().resolve(PROMPTS);
        if (!ModelInput.isThere(file)) {
            return new SentenceEncoder(true, Map.of(), null, mostTokens, warnings);
        }
        ConfigJson json = new ConfigJson(Quote.line(file.toString()), ModelJson.readObject(file));
        Map<String, String> prompts = new LinkedHashMap<>();
        if (json.has("prompts")) {
            ConfigJson stated = json.object("prompts");
            for (String name : stated.keys()) {
                prompts.put(name, stated.text(name));
            }
        }
        String byDefault = json.has("default_prompt_name") ? json.text("default_prompt_name") : null;
        if (byDefault != null && !prompts.containsKey(byDefault)) {
            throw json.wrong("default_prompt_name", "one of the prompts");
        }
        return new SentenceEncoder(true, prompts, byDefault, mostTokens, warnings);
    }

    private static OptionalInt mostTokens(Path directory) {
        OptionalInt stated = mostTokens(directory.resolve(LENGTH), "max_seq_length");
        return stated.isPresent() ? stated : mostTokens(directory.resolve(TOKENIZER), "model_max_length");
    }

    /// Reads a length, which may be larger than any context: tokenizers say 1e30 for no limit.
    private static OptionalInt mostTokens(Path file, String key) {
        if (!ModelInput.isThere(file)) {
            return OptionalInt.empty();
        }
        ConfigJson json = new ConfigJson(Quote.line(file.toString()), ModelJson.readObject(file));
        if (!json.has(key)) {
            return OptionalInt.empty();
        }
        double most = json.number(key, value -> value >= 1, "a number of tokens");
        return OptionalInt.of((int) Math.min(most, Integer.MAX_VALUE));
    }

    private static void checkModules(Path directory, List<String> warnings) {
        String origin = Quote.line(directory.resolve(MODULES).toString());
        boolean pooled = false;
        for (JsonNode node : ModelJson.parseArray(ModelInput.read(directory.resolve(MODULES)), origin)) {
            ConfigJson module = new ConfigJson(origin, node);
            String type = module.text("type");
            switch (type.substring(type.lastIndexOf('.') + 1)) {
                case "Transformer", "Normalize" -> {}
                case "Pooling" -> {
                    pooled = true;
                    checkPooling(directory, module, warnings);
                }
                default ->
                    throw module.unsupported("type", "modules Transformer, Pooling and Normalize are, and no others");
            }
        }
        if (!pooled) {
            throw new InvalidModelException(
                    "%s: has no module Pooling, so it does not say what an embedding is".formatted(origin));
        }
    }

    /// Checks that the last token is pooled. Not every copy of a model has its folders, so a missing file is a
    /// warning.
    private static void checkPooling(Path directory, ConfigJson module, List<String> warnings) {
        String folder = module.text("path");
        if (!folder.matches("[A-Za-z0-9_][A-Za-z0-9._-]*")) {
            throw module.wrong("path", "the name of a folder");
        }
        Path file = directory.resolve(folder).resolve(ModelFolder.CONFIG);
        if (!ModelInput.isThere(file)) {
            warnings.add("%s: names the pooling of %s/%s, which is not there; that of the last token is computed"
                    .formatted(MODULES, folder, ModelFolder.CONFIG));
            return;
        }
        ConfigJson json = new ConfigJson(Quote.line(file.toString()), ModelJson.readObject(file));
        if (json.has("pooling_mode")) {
            if (!json.texts("pooling_mode").equals(List.of(LAST_TOKEN))) {
                throw json.unsupported("pooling_mode", LAST_TOKEN + " is");
            }
            return;
        }
        for (String key : json.keys()) {
            if (key.startsWith(POOLING) && !key.equals(POOLING + LAST_TOKEN) && json.flag(key, false)) {
                throw json.unsupported(
                        key, "only %s is, the pooling of the last token".formatted(POOLING + LAST_TOKEN));
            }
        }
        if (!json.flag(POOLING + LAST_TOKEN, false)) {
            throw json.wrong(POOLING + LAST_TOKEN, "true, because no other pooling is supported");
        }
    }
}
