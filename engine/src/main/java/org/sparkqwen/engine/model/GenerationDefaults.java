package org.sparkqwen.engine.model;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.ModelJson;

/// What generation_config.json suggests; null where it says nothing.
///
/// @param sample false for greedy decoding, whatever the temperature
/// @param maxNewTokens tokens to generate at most
public record GenerationDefaults(
        boolean sample,
        @Nullable Integer maxNewTokens,
        @Nullable Double temperature,
        @Nullable Integer topK,
        @Nullable Double topP,
        @Nullable Double minP,
        List<Integer> eosTokenIds) {

    private static final int MANY = 1 << 24;

    /// Nothing suggested where `directory` has no generation_config.json.
    static GenerationDefaults read(Path directory) {
        Path file = directory.resolve("generation_config.json");
        if (!Files.exists(file)) {
            return new GenerationDefaults(false, null, null, null, null, null, List.of());
        }
        ConfigJson json = new ConfigJson(file.toString(), ModelJson.readObject(file));
        return new GenerationDefaults(
                json.flag("do_sample", false),
                json.has("max_new_tokens") ? json.positiveInt("max_new_tokens", MANY) : null,
                json.has("temperature") ? json.positiveNumber("temperature") : null,
                json.has("top_k") ? json.positiveInt("top_k", MANY) : null,
                json.has("top_p") ? json.positiveNumber("top_p") : null,
                json.has("min_p") ? json.positiveNumber("min_p") : null,
                json.tokenIds("eos_token_id"));
    }
}
