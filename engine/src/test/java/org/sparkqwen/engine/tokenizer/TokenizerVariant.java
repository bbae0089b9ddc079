package org.sparkqwen.engine.tokenizer;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/// The small model's tokenizer in another form, with a tokenizer.json that means the same to Hugging Face's
/// tokenizers.
///
/// @param files the files as a model may have them
/// @param same a complete tokenizer.json that means the same
/// @param tokens the tokens to put into texts
record TokenizerVariant(String name, Map<String, String> files, String same, List<String> tokens) {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static final int FIRST_NEW_ID = 8192;

    @Override
    public String toString() {
        return name;
    }

    Tokenizer ours() {
        Map<String, byte[]> contents = new HashMap<>();
        files.forEach((file, content) -> contents.put(file, content.getBytes(StandardCharsets.UTF_8)));
        return Tokenizer.of(new TokenizerFiles("variant", contents));
    }

    HuggingFaceTokenizer reference() throws IOException {
        Path file = Files.createTempFile("tokenizer", ".json");
        try {
            Files.writeString(file, same);
            System.setProperty("ai.djl.offline", "true");
            System.setProperty("OPT_OUT_TRACKING", "true");
            return HuggingFaceTokenizer.newInstance(
                    file, Map.of("addSpecialTokens", "true", "truncation", "false", "padding", "false"));
        } finally {
            Files.delete(file);
        }
    }

    static List<TokenizerVariant> all() {
        List<TokenizerVariant> all = new ArrayList<>();
        all.add(ofJson("lstrip", List.of("<mask>"), json -> add(json, "<mask>", "lstrip", "special")));
        all.add(ofJson("rstrip", List.of("<mask>"), json -> add(json, "<mask>", "rstrip")));
        all.add(ofJson("single_word", List.of("cat", "<obs>", "été"), json -> {
            add(json, "cat", "single_word");
            add(json, "<obs>", "single_word", "special");
            add(json, "été", "single_word", "lstrip", "rstrip");
        }));
        all.add(ofJson("normalized", List.of("<obs>", "e\u0301x", "éx", "\u212B", "Å"), json -> {
            add(json, "<obs>", "normalized");
            add(json, "e\u0301x", "normalized", "special");
            add(json, "\u212B", "normalized");
        }));
        all.add(ofJson("not normalized", List.of("e\u0301x", "éx", "e\u0301", "\u0301"), json -> {
            add(json, "e\u0301x");
            add(json, "\u0301");
        }));
        all.add(ofJson("two of one normal form", List.of("\u212B", "Å", "A\u030A"), json -> {
            add(json, "A\u030A", "normalized");
            add(json, "\u212B", "normalized", "special");
        }));
        all.add(ofJson("overlapping", List.of("ab", "abc", "bcd", "cd", "  ", " \n", "\u00A0"), json -> {
            add(json, "ab", "normalized");
            add(json, "abc");
            add(json, "bcd", "normalized", "lstrip", "rstrip");
            add(json, "cd", "single_word", "special", "normalized");
            add(json, "  ", "normalized");
            add(json, " \n", "single_word");
        }));
        all.add(ofJson("of the base vocabulary", List.of("the", "ing", "Ġthe"), json -> {
            add(json, "the", "special", "single_word");
            add(json, "ing", "normalized");
        }));
        all.add(ofJson("no normalizer", List.of("e\u0301", "é", "\u212B"), json -> json.putNull("normalizer")));
        all.add(ofJson("no normalizer, but normalized tokens", List.of("e\u0301x", "éx"), json -> {
            json.putNull("normalizer");
            add(json, "e\u0301x", "normalized");
        }));
        all.add(ofJson("empty sequence", List.of("e\u0301"), json -> json.set("normalizer", tree("""
            {"type": "Sequence", "normalizers": []}\
            """))));
        all.add(ofJson("sequence of NFC", List.of("e\u0301"), json -> json.set("normalizer", tree("""
            {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "NFC"}]}\
            """))));
        all.add(ofJson("Qwen3-Embedding", List.of("<|endoftext|>"), json -> json.set("post_processor", tree("""
            {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": false,
             "trim_offsets": false, "use_regex": false}, {"type": "TemplateProcessing", "single":
             [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
             "special_tokens": {"<|endoftext|>":
             {"id": "<|endoftext|>", "ids": [8189], "tokens": ["<|endoftext|>"]}}}]}\
            """))));
        all.add(ofJson("template on both sides", List.of("<|im_start|>"), json -> json.set("post_processor", BOTH)));
        all.add(ofConfig("added_tokens_decoder", List.of("<|im_start|>", "<obs>", "<one>"), """
            {"added_tokens_decoder": {
             "8193": {"content": "<one>", "lstrip": false, "normalized": true, "rstrip": true, "single_word": false,
              "special": false},
             "8189": {"content": "<|endoftext|>", "lstrip": false, "normalized": false, "rstrip": false,
              "single_word": false, "special": true},
             "8190": {"content": "<|im_start|>", "lstrip": false, "normalized": false, "rstrip": false,
              "single_word": false, "special": true},
             "8191": {"content": "<|im_end|>", "lstrip": false, "normalized": false, "rstrip": false,
              "single_word": false, "special": true},
             "8192": {"content": "<obs>", "lstrip": true, "normalized": false, "rstrip": false,
              "single_word": true, "special": true}}}\
            """, json -> {
            add(json, "<obs>", "lstrip", "single_word", "special");
            add(json, "<one>", "rstrip", "normalized");
        }));
        all.add(ofConfig("flags of added_tokens_decoder", List.of("<|endoftext|>", "<|im_end|>"), """
            {"added_tokens_decoder": {
             "8189": {"content": "<|endoftext|>", "lstrip": true, "normalized": false, "rstrip": true,
              "single_word": false, "special": true},
             "8190": {"content": "<|im_start|>", "special": true},
             "8191": {"content": "<|im_end|>", "special": true}}}\
            """, json -> {
            ((ObjectNode) json.at("/added_tokens/0")).put("lstrip", true).put("rstrip", true);
        }));
        all.add(ofConfig(
                "named tokens that no file adds", List.of("<s>", "[PAD]", "<tool>", "<|im_end|>"), """
                {"added_tokens_decoder": {"8190": {"content": "<|im_start|>", "special": true},
                 "8191": {"content": "<|im_end|>", "special": true}},
                 "pad_token": "[PAD]", "bos_token": {"__type": "AddedToken", "content": "<s>"}, "eos_token": null,
                 "additional_special_tokens": ["<|im_end|>", "<tool>"]}\
                """, json -> {
                    add(json, "<s>", "special");
                    add(json, "[PAD]", "special");
                    add(json, "<tool>", "special");
                }));
        all.add(ofConfig("add_bos_token", List.of("<|im_start|>"), """
            {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true, "add_eos_token": true,
             "bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "added_tokens_decoder": {
             "8190": {"content": "<|im_start|>", "special": true},
             "8191": {"content": "<|im_end|>", "special": true}}}\
            """, json -> json.set("post_processor", BOTH)));
        all.add(ofVocabulary());
        return all;
    }

    private static final JsonNode BOTH = tree("""
        {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}},
         {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|im_end|>", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
         "special_tokens": {
         "<|im_start|>": {"id": "<|im_start|>", "ids": [8190], "tokens": ["<|im_start|>"]},
         "<|im_end|>": {"id": "<|im_end|>", "ids": [8191], "tokens": ["<|im_end|>"]}}}\
        """);

    /// Returns a variant of which all is in tokenizer.json.
    private static TokenizerVariant ofJson(String name, List<String> tokens, Consumer<ObjectNode> change) {
        ObjectNode json = tiny();
        change.accept(json);
        return new TokenizerVariant(name, Map.of(TokenizerFiles.TOKENIZER, json.toString()), json.toString(), tokens);
    }

    /// Returns a variant with a tokenizer_config.json, and with a tokenizer.json that lacks all added tokens
    /// except the first one.
    ///
    /// @param change what the configuration adds, applied to a tokenizer.json that has all
    private static TokenizerVariant ofConfig(
            String name, List<String> tokens, String config, Consumer<ObjectNode> change) {
        ObjectNode less = tiny();
        ((ArrayNode) less.get("added_tokens")).remove(2);
        ((ArrayNode) less.get("added_tokens")).remove(1);
        ObjectNode whole = tiny();
        change.accept(whole);
        return new TokenizerVariant(
                name,
                Map.of(TokenizerFiles.TOKENIZER, less.toString(), TokenizerFiles.CONFIG, config),
                whole.toString(),
                tokens);
    }

    /// Returns a variant of vocab.json, merges.txt and added_tokens.json.
    private static TokenizerVariant ofVocabulary() {
        ObjectNode whole = tiny();
        StringBuilder merges = new StringBuilder("#version: 0.2\r\n");
        for (JsonNode merge : whole.at("/model/merges")) {
            merges.append(
                            merge.isTextual()
                                    ? merge.textValue()
                                    : merge.get(0).textValue() + " "
                                            + merge.get(1).textValue())
                    .append('\n');
        }
        ((ObjectNode) whole.at("/added_tokens/1")).put("special", false).put("normalized", true);
        return new TokenizerVariant(
                "vocab.json and merges.txt",
                Map.of(
                        TokenizerFiles.VOCABULARY,
                        whole.at("/model/vocab").toString(),
                        TokenizerFiles.MERGES,
                        merges.append('\n').toString(),
                        TokenizerFiles.ADDED_TOKENS,
                        "{\"<|im_end|>\": 8191, \"<|endoftext|>\": 8189, \"<|im_start|>\": 8190}",
                        TokenizerFiles.SPECIAL_TOKENS,
                        "{\"eos_token\": \"<|endoftext|>\", \"pad_token\": {\"content\": \"<|im_end|>\"}}"),
                whole.toString(),
                List.of("<|im_start|>", "<|im_end|>", "<|endoftext|>"));
    }

    /// Adds a token with the next id.
    private static void add(ObjectNode json, String content, String... flags) {
        ArrayNode tokens = (ArrayNode) json.get("added_tokens");
        JsonNode base = json.at("/model/vocab").path(content);
        long added = tokens.findValuesAsText("content").stream()
                .filter(other -> json.at("/model/vocab").path(other).isMissingNode())
                .count();
        ObjectNode token = tokens.addObject().put("id", base.isInt() ? base.intValue() : FIRST_NEW_ID - 3 + added);
        token.put("content", content);
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized", "special")) {
            token.put(flag, List.of(flags).contains(flag));
        }
    }

    private static ObjectNode tiny() {
        try {
            return (ObjectNode) MAPPER.readTree(Path.of("..", "data-samples", "tiny-qwen3", "tokenizer.json")
                    .toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JsonNode tree(String json) {
        try {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
