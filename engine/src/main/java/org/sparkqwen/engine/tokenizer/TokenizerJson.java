package org.sparkqwen.engine.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.ModelJson;
import org.sparkqwen.engine.message.Quote;

/// Reads tokenizer.json, which is untrusted input.
///
/// The file describes a pipeline of which many kinds exist. Exactly one is implemented, that of Qwen2 and Qwen3;
/// whatever in a file would make Hugging Face's tokenizers give other ids is refused by the name of its key.
final class TokenizerJson {
    /// Ids index arrays; the largest vocabularies published have some 260,000.
    private static final int MAX_ID = (1 << 22) - 1;

    private static final String HALF_A_PAIR = "half of a surrogate pair, which is no text";

    private final Path file;
    private final Map<String, Integer> idOfToken = new HashMap<>();
    private final BitSet taken = new BitSet();

    private TokenizerJson(Path file) {
        this.file = file;
    }

    /// @throws InvalidModelException as [Tokenizer#read] says
    static Tokenizer read(Path file) {
        return new TokenizerJson(file).tokenizer(ModelJson.readObject(file));
    }

    private Tokenizer tokenizer(JsonNode root) {
        knownKeys(
                root,
                "",
                Set.of(
                        "version",
                        "truncation",
                        "padding",
                        "added_tokens",
                        "normalizer",
                        "pre_tokenizer",
                        "post_processor",
                        "decoder",
                        "model"));
        checkNormalizer(root.path("normalizer"));
        checkPreTokenizer(root.path("pre_tokenizer"));
        checkPostProcessor(root.path("post_processor"));
        checkDecoder(root.path("decoder"));

        JsonNode model = root.path("model");
        checkModelOptions(model);
        readVocabulary(model.path("vocab"));
        int[] idOfByte = idOfByte();
        MergeTable merges = merges(model.path("merges"));
        List<AddedToken> addedTokens = addedTokens(root.path("added_tokens"));
        return new Tokenizer(
                new Vocabulary(idOfToken), new AddedTokens(addedTokens), new BytePairEncoding(idOfByte, merges));
    }

    private void checkNormalizer(JsonNode normalizer) {
        requireType(normalizer, "normalizer", "NFC");
        knownKeys(normalizer, "normalizer.", Set.of("type"));
    }

    private void checkPreTokenizer(JsonNode sequence) {
        requireType(sequence, "pre_tokenizer", "Sequence");
        knownKeys(sequence, "pre_tokenizer.", Set.of("type", "pretokenizers"));
        JsonNode steps = sequence.path("pretokenizers");
        if (!steps.isArray() || steps.size() != 2) {
            throw fault("pre_tokenizer.pretokenizers: only a Split followed by a ByteLevel is supported");
        }
        String where = "pre_tokenizer.pretokenizers[0]";
        JsonNode split = steps.get(0);
        requireType(split, where, "Split");
        knownKeys(split, where + ".", Set.of("type", "pattern", "behavior", "invert"));
        knownKeys(split.path("pattern"), where + ".pattern.", Set.of("Regex"));
        requireText(split.path("pattern").path("Regex"), where + ".pattern.Regex", PreTokenizer.PATTERN);
        requireText(split.path("behavior"), where + ".behavior", "Isolated");
        requireFalse(split, where, "invert");

        where = "pre_tokenizer.pretokenizers[1]";
        JsonNode byteLevel = steps.get(1);
        requireType(byteLevel, where, "ByteLevel");
        // Absent, these two are true.
        requireBoolean(byteLevel, where, "add_prefix_space", false, true);
        requireBoolean(byteLevel, where, "use_regex", false, true);
        knownKeys(byteLevel, where + ".", Set.of("type", "add_prefix_space", "trim_offsets", "use_regex"));
    }

    /// A ByteLevel post-processor trims offsets and leaves the ids alone; its options mean nothing here.
    private void checkPostProcessor(JsonNode postProcessor) {
        if (!isAbsent(postProcessor)) {
            requireType(postProcessor, "post_processor", "ByteLevel");
        }
    }

    /// The options of a ByteLevel decoder do nothing: they belong to the pre-tokenizer that shares its type.
    private void checkDecoder(JsonNode decoder) {
        requireType(decoder, "decoder", "ByteLevel");
    }

    private void checkModelOptions(JsonNode model) {
        requireType(model, "model", "BPE");
        knownKeys(
                model,
                "model.",
                Set.of(
                        "type",
                        "dropout",
                        // The unknown token stands for bytes outside the vocabulary, and no byte is.
                        "unk_token",
                        "fuse_unk",
                        "continuing_subword_prefix",
                        "end_of_word_suffix",
                        "byte_fallback",
                        "ignore_merges",
                        "vocab",
                        "merges"));
        JsonNode dropout = model.path("dropout");
        if (!isAbsent(dropout) && !(dropout.isNumber() && dropout.doubleValue() == 0)) {
            throw fault("model.dropout: %s, only null is supported".formatted(quote(dropout)));
        }
        requireFalse(model, "model", "byte_fallback");
        requireFalse(model, "model", "ignore_merges");
        for (String key : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
            if (!isAbsent(model.path(key))) {
                requireText(model.path(key), "model." + key, "");
            }
        }
    }

    private void readVocabulary(JsonNode vocab) {
        if (!vocab.isObject() || vocab.isEmpty()) {
            throw fault("model.vocab: expected an object of tokens and their ids");
        }
        vocab.properties().forEach(entry -> {
            String token = entry.getKey();
            if (!isWellFormed(token)) {
                throw fault("model.vocab[%s]: %s".formatted(quote(token), HALF_A_PAIR));
            }
            if (!isId(entry.getValue())) {
                throw fault("model.vocab[%s]: %s".formatted(quote(token), noId(entry.getValue())));
            }
            int id = entry.getValue().intValue();
            if (taken.get(id)) {
                throw fault("model.vocab[%s]: id %d is given to another token too".formatted(quote(token), id));
            }
            taken.set(id);
            idOfToken.put(token, id);
        });
    }

    private int[] idOfByte() {
        int[] idOfByte = new int[256];
        for (int b = 0; b < idOfByte.length; b++) {
            Integer id = idOfToken.get(String.valueOf(ByteAlphabet.characterOf(b)));
            if (id == null) {
                throw fault(
                        "model.vocab: no token for the byte 0x%02X; a byte-level vocabulary has all 256".formatted(b));
            }
            idOfByte[b] = id;
        }
        return idOfByte;
    }

    private MergeTable merges(JsonNode merges) {
        if (!merges.isArray()) {
            throw fault("model.merges: expected an array of pairs of tokens");
        }
        MergeTable table = new MergeTable(merges.size());
        for (int rank = 0; rank < merges.size(); rank++) {
            String left;
            String right;
            JsonNode merge = merges.get(rank);
            if (merge.isArray()
                    && merge.size() == 2
                    && merge.get(0).isTextual()
                    && merge.get(1).isTextual()) {
                left = merge.get(0).textValue();
                right = merge.get(1).textValue();
            } else {
                String text = merge.isTextual() ? merge.textValue() : "";
                int space = text.indexOf(' ');
                if (space < 0 || space != text.lastIndexOf(' ')) {
                    throw fault(
                            "model.merges[%d]: %s, expected [\"a\", \"b\"] or \"a b\"".formatted(rank, quote(merge)));
                }
                left = text.substring(0, space);
                right = text.substring(space + 1);
            }
            table.put(knownToken(left, rank), knownToken(right, rank), rank, knownToken(left + right, rank));
        }
        return table;
    }

    private int knownToken(String token, int rank) {
        Integer id = idOfToken.get(token);
        if (id == null) {
            throw fault("model.merges[%d]: %s is not in model.vocab".formatted(rank, quote(token)));
        }
        return id;
    }

    /// Reads the added tokens and enters them into the vocabulary.
    private List<AddedToken> addedTokens(JsonNode nodes) {
        if (isAbsent(nodes)) {
            return List.of();
        }
        if (!nodes.isArray()) {
            throw fault("added_tokens: expected an array");
        }
        List<AddedToken> tokens = new ArrayList<>();
        Set<String> contents = new HashSet<>();
        for (int i = 0; i < nodes.size(); i++) {
            String where = "added_tokens[%d]".formatted(i);
            AddedToken token = addedToken(nodes.get(i), where);
            if (!contents.add(token.content())) {
                throw fault("%s.content: %s is added twice".formatted(where, quote(token.content())));
            }
            Integer base = idOfToken.get(token.content());
            if (base != null && base != token.id()) {
                throw fault("%s.id: %d, but model.vocab has the same token as %d".formatted(where, token.id(), base));
            }
            if (base == null && taken.get(token.id())) {
                throw fault("%s.id: %d is given to another token too".formatted(where, token.id()));
            }
            taken.set(token.id());
            idOfToken.put(token.content(), token.id());
            tokens.add(token);
        }
        return tokens;
    }

    private AddedToken addedToken(JsonNode node, String where) {
        if (!node.isObject()) {
            throw fault("%s: expected an object".formatted(where));
        }
        knownKeys(
                node, where + ".", Set.of("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"));
        JsonNode content = node.path("content");
        if (!content.isTextual() || content.textValue().isEmpty()) {
            throw fault("%s.content: expected a text that is not empty".formatted(where));
        }
        if (content.textValue().length() > AddedTokens.LONGEST) {
            throw fault("%s.content: longer than %d characters".formatted(where, AddedTokens.LONGEST));
        }
        if (!isWellFormed(content.textValue())) {
            throw fault("%s.content: %s".formatted(where, HALF_A_PAIR));
        }
        for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
            requireFalse(node, where, flag);
        }
        JsonNode special = node.path("special");
        if (!special.isBoolean()) {
            throw fault("%s.special: expected true or false".formatted(where));
        }
        JsonNode id = node.path("id");
        if (!isId(id)) {
            throw fault("%s.id: %s".formatted(where, noId(id)));
        }
        return new AddedToken(id.intValue(), content.textValue(), special.booleanValue());
    }

    private static boolean isId(JsonNode node) {
        return node.isIntegralNumber() && node.canConvertToInt() && 0 <= node.intValue() && node.intValue() <= MAX_ID;
    }

    private static String noId(JsonNode node) {
        return "%s is no id, expected a whole number from 0 to %d".formatted(quote(node), MAX_ID);
    }

    private static boolean isWellFormed(String text) {
        return Tokenizer.wellFormed(text).equals(text);
    }

    private void requireType(JsonNode node, String where, String type) {
        requireText(node.path("type"), where + ".type", type);
    }

    private void requireText(JsonNode node, String where, String text) {
        if (!text.equals(node.textValue())) {
            throw fault("%s: %s, only %s is supported".formatted(where, quote(node), quote(text)));
        }
    }

    private void requireFalse(JsonNode parent, String where, String key) {
        requireBoolean(parent, where, key, false, false);
    }

    /// @param absent what the key means when it is not there
    private void requireBoolean(JsonNode parent, String where, String key, boolean required, boolean absent) {
        JsonNode node = parent.path(key);
        boolean right = node.isMissingNode() ? absent == required : node.isBoolean() && node.booleanValue() == required;
        if (!right) {
            throw fault("%s.%s: %s, only %s is supported".formatted(where, key, quote(node), required));
        }
    }

    private void knownKeys(JsonNode node, String prefix, Set<String> known) {
        node.fieldNames().forEachRemaining(key -> {
            if (!known.contains(key)) {
                throw fault("%s%s: an unknown key, which may change the ids".formatted(prefix, Quote.of(key)));
            }
        });
    }

    private static boolean isAbsent(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }

    private static String quote(JsonNode node) {
        return node.isMissingNode() ? "absent" : Quote.of(node);
    }

    private static String quote(String text) {
        return "\"" + Quote.of(text) + "\"";
    }

    private InvalidModelException fault(String what) {
        return new InvalidModelException("%s: %s".formatted(file, what));
    }
}
