package org.sparkqwen.engine.gguf;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.sparkqwen.engine.message.Quote;

/// Translates the tokenizer in the metadata of a GGUF file to the files of a Hugging Face directory.
///
/// The metadata name a pre-tokenizer, `tokenizer.ggml.pre`, and `qwen2` stands for the one of transformers'
/// Qwen2Tokenizer, which vocab.json and merges.txt describe: NFC and Qwen's pattern. A token's type says whether it is
/// one of the vocabulary, an added one, or a special one.
///
/// @param metadata that of the file, or of its first part
record GgufTokenizer(GgufMetadata metadata) {
    static final String TOKENS = "tokenizer.ggml.tokens";
    static final String EOS = "tokenizer.ggml.eos_token_id";

    private static final String BOS = "tokenizer.ggml.bos_token_id";
    private static final String MODEL = "tokenizer.ggml.model";
    private static final String PRE = "tokenizer.ggml.pre";
    private static final String TYPES = "tokenizer.ggml.token_type";
    private static final String MERGES = "tokenizer.ggml.merges";
    private static final String ADD_BOS = "tokenizer.ggml.add_bos_token";
    private static final String ADD_EOS = "tokenizer.ggml.add_eos_token";
    private static final String CHAT_TEMPLATE = "tokenizer.chat_template";

    private static final String OR_BESIDE = "; the model's tokenizer.json beside the file would count instead";

    private static final int NORMAL = 1;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int UNUSED = 5;

    /// Whether the file has a tokenizer of any kind.
    boolean exists() {
        return metadata.has(MODEL) && !metadata.text(MODEL).equals("none");
    }

    /// Refuses a tokenizer of another kind.
    private void check() {
        if (!metadata.text(MODEL).equals("gpt2")) {
            throw metadata.unsupported(MODEL, "gpt2 is" + OR_BESIDE);
        }
        if (!metadata.text(PRE).equals("qwen2")) {
            throw metadata.unsupported(PRE, "qwen2 is" + OR_BESIDE);
        }
    }

    /// Makes vocab.json. It has the added tokens too, so that each keeps the id that is its place in the list.
    ///
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if the tokenizer is of another kind, or a token
    ///     is there twice
    ObjectNode vocabulary() {
        check();
        List<String> tokens = metadata.texts(TOKENS);
        int[] types = types(tokens.size());
        ObjectNode vocabulary = JsonNodeFactory.instance.objectNode();
        for (int id = 0; id < types.length; id++) {
            if (types[id] != UNUSED && vocabulary.has(tokens.get(id))) {
                throw metadata.invalid("%s[%d]: the token %s is there twice, it has the id %s too"
                        .formatted(TOKENS, id, Quote.of(tokens.get(id)), vocabulary.get(tokens.get(id))));
            }
            if (types[id] != UNUSED) {
                vocabulary.put(tokens.get(id), id);
            }
        }
        return vocabulary;
    }

    /// Makes merges.txt.
    String merges() {
        StringBuilder lines = new StringBuilder("#version: 0.2\n");
        List<String> merges = metadata.texts(MERGES);
        for (int i = 0; i < merges.size(); i++) {
            if (merges.get(i).lines().count() != 1
                    || !merges.get(i).equals(merges.get(i).strip())) {
                throw metadata.invalid("%s[%d]: %s, expected two tokens with a space between"
                        .formatted(MERGES, i, Quote.of(merges.get(i))));
            }
            lines.append(merges.get(i)).append('\n');
        }
        return lines.toString();
    }

    /// Makes tokenizer_config.json: the added tokens, the tokens around a text, and the chat template.
    ///
    /// @param withTokens whether the added tokens are those of the metadata; false if there is a tokenizer.json
    ObjectNode config(boolean withTokens) {
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.put("tokenizer_class", "Qwen2Tokenizer");
        if (withTokens) {
            putAddedTokens(config);
        }
        boolean addsBos = metadata.flag(ADD_BOS, false);
        config.put("add_bos_token", addsBos);
        config.put("add_eos_token", metadata.flag(ADD_EOS, false));
        // A token that begins no text is no bos_token of Qwen's tokenizers, whose bos_token_id ends documents.
        if (addsBos) {
            config.put("bos_token", token(BOS));
        }
        if (metadata.has(EOS)) {
            config.put("eos_token", token(EOS));
        }
        if (metadata.has(CHAT_TEMPLATE)) {
            config.put("chat_template", metadata.text(CHAT_TEMPLATE));
        }
        return config;
    }

    private void putAddedTokens(ObjectNode config) {
        List<String> tokens = metadata.texts(TOKENS);
        int[] types = types(tokens.size());
        ObjectNode added = config.putObject("added_tokens_decoder");
        for (int id = 0; id < types.length; id++) {
            if (types[id] == CONTROL || types[id] == USER_DEFINED) {
                ObjectNode token = added.putObject(Integer.toString(id));
                token.put("content", tokens.get(id));
                token.put("special", types[id] == CONTROL);
                token.put("normalized", false);
            }
        }
    }

    private int[] types(int tokens) {
        int[] types = metadata.integers(TYPES);
        if (types.length != tokens) {
            throw metadata.invalid("%s has %,d values, and %s has %,d".formatted(TYPES, types.length, TOKENS, tokens));
        }
        for (int id = 0; id < types.length; id++) {
            switch (types[id]) {
                case NORMAL, CONTROL, USER_DEFINED, UNUSED -> {}
                default ->
                    throw metadata.invalid("%s[%d]: the type %d is not supported; %d (normal), %d (control), %d"
                                    .formatted(TYPES, id, types[id], NORMAL, CONTROL, USER_DEFINED)
                            + " (user-defined) and %d (unused) are%s".formatted(UNUSED, OR_BESIDE));
            }
        }
        return types;
    }

    /// The token with the id that a key names.
    private String token(String key) {
        List<String> tokens = metadata.texts(TOKENS);
        return tokens.get(metadata.wholeNumber(key, 0, tokens.size() - 1));
    }
}
