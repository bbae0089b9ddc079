package org.sparkqwen.engine.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelJson;

/// The additions that tokenizer_config.json, added_tokens.json and special_tokens_map.json make to a
/// tokenizer, as in transformers: further added tokens, the tokens that begin and end a text, and whether
/// they are put there.
///
/// Older versions wrote the two smaller files. They count only if tokenizer_config.json has no
/// `added_tokens_decoder`.
final class TokenizerConfig {
    /// The keys of special tokens, in the order in which transformers adds tokens that are missing.
    private static final List<String> NAMED =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");

    private static final List<String> FURTHER = List.of("additional_special_tokens", "extra_special_tokens");

    private static final String QWENS_END = "<|endoftext|>";

    /// The classes that make ids from tokenizer.json alone, or as Qwen2Tokenizer does.
    private static final Set<String> CLASSES = Set.of(
            "Qwen2Tokenizer",
            "Qwen2TokenizerFast",
            "PreTrainedTokenizer",
            "PreTrainedTokenizerFast",
            "TokenizersBackend",
            "LlamaTokenizer",
            "LlamaTokenizerFast");

    /// The keys that do not change the ids of a text, or are read here or by [ChatTemplate].
    private static final Set<String> KNOWN_KEYS = Set.of(
            "add_bos_token",
            "add_eos_token",
            "add_prefix_space",
            "added_tokens_decoder",
            "backend",
            "chat_template",
            "clean_up_tokenization_spaces",
            "device_map",
            "errors",
            "fix_mistral_regex",
            "from_slow",
            "is_local",
            "legacy",
            "local_files_only",
            "max_length",
            "max_pixels",
            "min_pixels",
            "model_input_names",
            "model_max_length",
            "model_specific_special_tokens",
            "name_or_path",
            "pad_to_multiple_of",
            "pad_token_type_id",
            "padding",
            "padding_side",
            "processor_class",
            "return_token_type_ids",
            "sp_model_kwargs",
            "spaces_between_special_tokens",
            "special_tokens_map_file",
            "split_special_tokens", // --special-tokens has that meaning
            "stride",
            "tokenizer_class",
            "tokenizer_file",
            "truncation",
            "truncation_side",
            "truncation_strategy",
            "trust_remote_code",
            "use_default_system_prompt",
            "use_fast",
            "verbose");

    /// The greatest number of warnings about one file.
    private static final int MOST_WARNINGS = 20;

    private final TokenizerFiles files;
    private final String origin;
    private final JsonNode root;
    private final JsonNode legacyNames;
    private final BaseVocabulary base;
    private final AddedVocabulary added;
    private final List<String> warnings = new ArrayList<>();

    /// @throws InvalidModelException if a file is not a JSON object
    TokenizerConfig(TokenizerFiles files, TokenizerJson.Content content) {
        this.files = files;
        origin = files.origin(TokenizerFiles.CONFIG);
        root = object(TokenizerFiles.CONFIG);
        boolean legacy = !root.path("added_tokens_decoder").isObject();
        legacyNames = legacy ? object(TokenizerFiles.SPECIAL_TOKENS) : MissingNode.getInstance();
        base = content.base();
        added = content.added();
    }

    private JsonNode object(String name) {
        byte[] json = files.content(name);
        return json == null ? MissingNode.getInstance() : ModelJson.parseObject(json, files.origin(name));
    }

    /// Checks the keys, and adds the tokens.
    ///
    /// @throws InvalidModelException if a key would make transformers give other ids
    void apply() {
        checkKeys();
        Map<Integer, AddedToken> tokens = new TreeMap<>();
        if (root.path("added_tokens_decoder").isObject()) {
            readDecoder(tokens);
        } else {
            readAddedTokens(tokens);
        }
        tokens.forEach(this::add);
        addNamed();
    }

    List<String> warnings() {
        return List.copyOf(warnings);
    }

    private void checkKeys() {
        int unknown = 0;
        for (var keys = root.fieldNames(); keys.hasNext(); ) {
            String key = keys.next();
            boolean known = KNOWN_KEYS.contains(key) || NAMED.contains(key) || FURTHER.contains(key);
            // Multimodal models name tokens of their own, such as image_token and image_token_id.
            if (!known && !key.endsWith("_token") && !key.endsWith("_token_id") && unknown++ < 10) {
                warn("key %s is unknown and ignored".formatted(Quote.of(key)));
            }
        }
        if (unknown > 10) {
            warn("%,d more keys are unknown and ignored".formatted(unknown - 10));
        }
        if (flag("add_prefix_space")) {
            throw new InvalidModelException("%s: add_prefix_space: true, only false is supported".formatted(origin));
        }
        if (flag("clean_up_tokenization_spaces")) {
            warn("clean_up_tokenization_spaces true is not obeyed: generated texts keep their spaces");
        }
        String name = tokenizerClass();
        if (name != null && !CLASSES.contains(name)) {
            warn("tokenizer_class %s is unknown; %s counts"
                    .formatted(
                            Quote.of(name),
                            TokenizerFiles.names(files.contents()::containsKey).getFirst()));
        }
        if (root.has("auto_map")) {
            warn("auto_map names code of the model's own, which is not run");
        }
    }

    private void warn(String what) {
        if (warnings.size() < MOST_WARNINGS) {
            warnings.add("%s: %s".formatted(TokenizerFiles.CONFIG, what));
        } else if (warnings.size() == MOST_WARNINGS) {
            warnings.add("%s: and more of that kind".formatted(TokenizerFiles.CONFIG));
        }
    }

    private boolean flag(String key) {
        JsonNode value = root.path(key);
        if (!value.isBoolean() && !isAbsent(value)) {
            throw new InvalidModelException(
                    "%s: %s: %s, expected true or false".formatted(origin, key, Quote.of(value)));
        }
        return value.booleanValue();
    }

    private @Nullable String tokenizerClass() {
        return root.path("tokenizer_class").textValue();
    }

    private void readDecoder(Map<Integer, AddedToken> tokens) {
        root.path("added_tokens_decoder").properties().forEach(entry -> {
            String where = "%s: added_tokens_decoder[%s]".formatted(origin, Quote.of(entry.getKey()));
            if (!entry.getKey().matches("[0-9]{1,7}") || !entry.getValue().isObject()) {
                throw new InvalidModelException("%s: expected an id and its token".formatted(where));
            }
            AddedTokenJson json = new AddedTokenJson(where, entry.getValue());
            boolean special = json.flag("special", false);
            tokens.put(Integer.valueOf(entry.getKey()), json.token(json.content("content"), special, !special));
        });
    }

    /// Reads the files that say less than `added_tokens_decoder`, as transformers does.
    private void readAddedTokens(Map<Integer, AddedToken> tokens) {
        String place = files.origin(TokenizerFiles.ADDED_TOKENS);
        Set<String> special = Set.copyOf(names());
        object(TokenizerFiles.ADDED_TOKENS).properties().forEach(entry -> {
            String where = "%s: [%s]".formatted(place, Quote.of(entry.getKey()));
            String content = AddedTokenJson.content(entry.getKey(), where);
            if (!BaseVocabulary.isId(entry.getValue())) {
                throw new InvalidModelException("%s: %s".formatted(where, BaseVocabulary.noId(entry.getValue())));
            }
            // If tokenizer.json has the same token, its flags count.
            if (!added.contains(content)) {
                boolean isSpecial = special.contains(content);
                tokens.put(
                        entry.getValue().intValue(),
                        new AddedToken(0, content, isSpecial, !isSpecial, false, false, false));
            }
        });
    }

    /// @param stated the id that the file gives the token
    private void add(int stated, AddedToken token) {
        String content = token.content();
        boolean known = added.contains(content);
        int id = added.idFor(content);
        if (id != stated && known) {
            warn("the id %d of %s is not the one in %s, %d, which counts"
                    .formatted(stated, Quote.of(content), TokenizerFiles.TOKENIZER, id));
        } else if (id != stated) {
            warn("%s has the id %d as in Hugging Face's tokenizers, not %d as %s says"
                    .formatted(
                            Quote.of(content),
                            id,
                            stated,
                            root.path("added_tokens_decoder").isObject()
                                    ? "added_tokens_decoder"
                                    : TokenizerFiles.ADDED_TOKENS));
        }
        if (!known) {
            base.take(id, content, "%s: the id of %s".formatted(origin, Quote.of(content)));
        }
        added.add(token);
    }

    /// Adds the named special tokens that no file has added, and makes named tokens special.
    private void addNamed() {
        for (String content : names()) {
            String where = "%s: the token %s".formatted(origin, Quote.of(content));
            if (added.contains(content)) {
                added.add(added.get(content).asSpecial());
            } else {
                base.take(added.idFor(content), content, where);
                added.add(new AddedToken(0, AddedTokenJson.content(content, where), true, false, false, false, false));
            }
        }
    }

    /// Returns the contents of all named special tokens.
    private List<String> names() {
        List<String> names = new ArrayList<>();
        for (String key : NAMED) {
            String content = named(key);
            if (content != null && !content.isEmpty()) {
                names.add(content);
            }
        }
        for (String key : FURTHER) {
            JsonNode tokens = value(key);
            if (!tokens.isArray() && !tokens.isObject() && !isAbsent(tokens)) {
                throw new InvalidModelException(
                        "%s: %s: %s, expected a list of tokens".formatted(origin, key, Quote.of(tokens)));
            }
            tokens.forEach(token -> {
                String content = content(key, token);
                if (content != null && !content.isEmpty()) {
                    names.add(content);
                }
            });
        }
        return names;
    }

    private @Nullable String named(String key) {
        return content(key, value(key));
    }

    private JsonNode value(String key) {
        return legacyNames.has(key) ? legacyNames.path(key) : root.path(key);
    }

    private @Nullable String content(String key, JsonNode token) {
        JsonNode content = token.isObject() ? token.path("content") : token;
        if (!content.isTextual() && !isAbsent(content)) {
            throw new InvalidModelException("%s: %s: %s, expected a token".formatted(origin, key, Quote.of(token)));
        }
        return content.textValue();
    }

    /// Returns the token that begins texts.
    OptionalInt bosToken() {
        return id(named("bos_token"));
    }

    /// Returns the token that ends texts. If the file names none, it is that of Qwen2Tokenizer.
    OptionalInt eosToken() {
        String name = tokenizerClass();
        boolean qwens = name == null || name.startsWith("Qwen2");
        boolean said = root.has("eos_token") || legacyNames.has("eos_token");
        return id(said || !qwens ? named("eos_token") : QWENS_END);
    }

    private OptionalInt id(@Nullable String content) {
        return content == null ? OptionalInt.empty() : added.idOf(content);
    }

    /// Returns the tokens around a text. `add_bos_token` and `add_eos_token` replace what tokenizer.json
    /// says. Llama's class adds the first token if the file does not say.
    Affixes affixes(Affixes ofTokenizerJson) {
        String name = tokenizerClass();
        boolean llama = name != null && name.startsWith("LlamaTokenizer");
        boolean bos = root.hasNonNull("add_bos_token") ? flag("add_bos_token") : llama;
        boolean eos = flag("add_eos_token");
        if (bos && root.hasNonNull("add_bos_token") && bosToken().isEmpty()) {
            warn("add_bos_token is true, but there is no bos_token; none is added");
        }
        if (eos && eosToken().isEmpty()) {
            warn("add_eos_token is true, but there is no eos_token; none is added");
        }
        int[] before = bos ? bosToken().stream().toArray() : new int[0];
        int[] after = eos ? eosToken().stream().toArray() : new int[0];
        return before.length + after.length == 0 ? ofTokenizerJson : new Affixes(before, after);
    }

    private static boolean isAbsent(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }
}
