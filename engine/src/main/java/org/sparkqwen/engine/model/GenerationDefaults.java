package org.sparkqwen.engine.model;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.ModelInput;
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
        @Nullable Double repetitionPenalty,
        List<Integer> eosTokenIds) {

    /// Nothing suggested.
    static final GenerationDefaults NONE = new GenerationDefaults(false, null, null, null, null, null, null, List.of());

    static final String FILE_NAME = "generation_config.json";

    private static final int MANY = 1 << 24;

    /// Nothing suggested where `directory` has no generation_config.json.
    static GenerationDefaults read(Path directory) {
        Path file = directory.resolve(FILE_NAME);
        if (!ModelInput.isThere(file)) {
            return NONE;
        }
        ConfigJson json = new ConfigJson(file.toString(), ModelJson.readObject(file));
        return new GenerationDefaults(
                json.flag("do_sample", false),
                json.has("max_new_tokens") ? json.positiveInt("max_new_tokens", MANY) : null,
                json.has("temperature")
                        ? json.number("temperature", value -> value >= 0, "a number of at least 0")
                        : null,
                json.has("top_k") ? json.wholeNumber("top_k", 0, MANY) : null,
                json.has("top_p")
                        ? json.number("top_p", value -> value > 0 && value <= 1, "a number above 0 and at most 1")
                        : null,
                json.has("min_p")
                        ? json.number("min_p", value -> value >= 0 && value <= 1, "a number from 0 to 1")
                        : null,
                json.has("repetition_penalty")
                        ? json.number("repetition_penalty", value -> value > 0, "a number above 0")
                        : null,
                json.tokenIds("eos_token_id"));
    }
}
