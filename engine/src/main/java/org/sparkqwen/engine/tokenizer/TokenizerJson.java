package org.sparkqwen.engine.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelJson;

/// Reads tokenizer.json, which is untrusted input.
///
/// The file describes a pipeline, of which many kinds exist. Exactly one is implemented, that of Qwen2 and
/// Qwen3. A setting that is known to make Hugging Face's tokenizers give other ids is refused by the name of
/// its key. An unknown key is ignored, and causes a warning.
final class TokenizerJson {
    /// The greatest number of keys of one file, and of tokens, for which there is a warning each.
    private static final int MOST_WARNINGS = 10;

    private static final Set<String> FLAGS = Set.of("single_word", "lstrip", "rstrip", "normalized", "special");

    private final String origin;
    private final BaseVocabulary base;
    private final List<String> unknownKeys = new ArrayList<>();
    private final List<String> otherIds = new ArrayList<>();

    private TokenizerJson(String origin) {
        this.origin = origin;
        base = new BaseVocabulary(origin, "model.vocab");
    }

    /// The content of the file.
    ///
    /// @param normalizes whether text is normalized to NFC
    record Content(
            BaseVocabulary base,
            MergeTable merges,
            AddedVocabulary added,
            boolean normalizes,
            Affixes affixes,
            List<String> warnings) {}

    /// @param origin the file, for messages
    /// @throws InvalidModelException as [Tokenizer#read] says
    static Content read(byte[] json, String origin) {
        return new TokenizerJson(origin).content(ModelJson.parseObject(json, origin));
    }

    private Content content(JsonNode root) {
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
        boolean normalizes = !isAbsent(root.path("normalizer")) && normalizes(root.path("normalizer"), "normalizer");
        checkPreTokenizer(root.path("pre_tokenizer"));
        Affixes affixes = isAbsent(root.path("post_processor"))
                ? Affixes.NONE
                : affixes(root.path("post_processor"), "post_processor");
        checkDecoder(root.path("decoder"));

        JsonNode model = root.path("model");
        checkModelOptions(model);
        base.read(model.path("vocab"));
        MergeTable merges = merges(model.path("merges"));
        AddedVocabulary added = addedTokens(root.path("added_tokens"));
        return new Content(base, merges, added, normalizes, affixes, warnings());
    }

    private List<String> warnings() {
        List<String> lines = new ArrayList<>(otherIds.subList(0, Math.min(MOST_WARNINGS, otherIds.size())));
        if (otherIds.size() > MOST_WARNINGS) {
            lines.add("%s: %,d more tokens have other ids than it says"
                    .formatted(TokenizerFiles.TOKENIZER, otherIds.size() - MOST_WARNINGS));
        }
        int first = lines.size();
        for (String key : unknownKeys) {
            if (lines.size() == first + MOST_WARNINGS) {
                lines.add("%s: %,d more keys are unknown and ignored"
                        .formatted(TokenizerFiles.TOKENIZER, unknownKeys.size() - MOST_WARNINGS));
                break;
            }
            lines.add("%s: key %s is unknown and ignored".formatted(TokenizerFiles.TOKENIZER, key));
        }
        return lines;
    }

    /// Tells whether text is normalized. In a sequence, each step may be NFC, because repeating NFC changes
    /// nothing.
    private boolean normalizes(JsonNode normalizer, String where) {
        if ("Sequence".equals(normalizer.path("type").textValue())) {
            knownKeys(normalizer, where + ".", Set.of("type", "normalizers"));
            boolean normalizes = false;
            int i = 0;
            for (JsonNode step : array(normalizer, where, "normalizers")) {
                normalizes |= normalizes(step, "%s.normalizers[%d]".formatted(where, i++));
            }
            return normalizes;
        }
        requireType(normalizer, where, "NFC");
        knownKeys(normalizer, where + ".", Set.of("type"));
        return true;
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
        if (split.path("pattern").has("String")) {
            throw fault("%s.pattern.String: only a Regex is supported".formatted(where));
        }
        knownKeys(split.path("pattern"), where + ".pattern.", Set.of("Regex"));
        requireText(split.path("pattern").path("Regex"), where + ".pattern.Regex", PreTokenizer.PATTERN);
        requireText(split.path("behavior"), where + ".behavior", "Isolated");
        requireFalse(split, where, "invert");

        where = "pre_tokenizer.pretokenizers[1]";
        JsonNode byteLevel = steps.get(1);
        requireType(byteLevel, where, "ByteLevel");
        // If these two are absent, they are true.
        requireBoolean(byteLevel, where, "add_prefix_space", false, true);
        requireBoolean(byteLevel, where, "use_regex", false, true);
        knownKeys(byteLevel, where + ".", Set.of("type", "add_prefix_space", "trim_offsets", "use_regex"));
    }

    /// Returns what the post-processor puts around a text, which are the tokens of a TemplateProcessing. A
    /// ByteLevel trims offsets and does not change the ids, so its options mean nothing here.
    private Affixes affixes(JsonNode processor, String where) {
        String type = processor.path("type").textValue();
        if ("ByteLevel".equals(type)) {
            knownKeys(processor, where + ".", Set.of("type", "add_prefix_space", "trim_offsets", "use_regex"));
            return Affixes.NONE;
        }
        if ("TemplateProcessing".equals(type)) {
            return template(processor, where);
        }
        if (!"Sequence".equals(type)) {
            throw fault("%s.type: %s, only ByteLevel, TemplateProcessing and a Sequence of them are supported"
                    .formatted(where, quote(processor.path("type"))));
        }
        knownKeys(processor, where + ".", Set.of("type", "processors"));
        Affixes affixes = Affixes.NONE;
        JsonNode steps = array(processor, where, "processors");
        for (int i = 0; i < steps.size(); i++) {
            String step = "%s.processors[%d]".formatted(where, i);
            Affixes more = affixes(steps.get(i), step);
            if (!affixes.equals(Affixes.NONE) && !more.equals(Affixes.NONE)) {
                throw fault("%s: a second template is not supported".formatted(step));
            }
            affixes = more.equals(Affixes.NONE) ? affixes : more;
        }
        return affixes;
    }

    /// Reads the template for one text. The template for two texts has no use here.
    private Affixes template(JsonNode processor, String where) {
        knownKeys(processor, where + ".", Set.of("type", "single", "pair", "special_tokens"));
        TokenIds before = new TokenIds(0);
        TokenIds after = new TokenIds(0);
        boolean seen = false;
        JsonNode single = array(processor, where, "single");
        for (int i = 0; i < single.size(); i++) {
            String place = "%s.single[%d]".formatted(where, i);
            JsonNode piece = single.get(i);
            knownKeys(piece, place + ".", Set.of("SpecialToken", "Sequence"));
            if (piece.has("SpecialToken")) {
                (seen ? after : before).addAll(templateToken(processor, where, piece.path("SpecialToken"), place));
            } else if (seen || !"A".equals(piece.path("Sequence").path("id").textValue())) {
                throw fault(
                        "%s: %s, only one Sequence A and SpecialTokens are supported".formatted(place, quote(piece)));
            } else {
                knownKeys(piece.path("Sequence"), place + ".Sequence.", Set.of("id", "type_id"));
                seen = true;
            }
        }
        if (!seen) {
            throw fault("%s.single: the text itself, Sequence A, is not in it".formatted(where));
        }
        return new Affixes(before.toArray(), after.toArray());
    }

    private int[] templateToken(JsonNode processor, String where, JsonNode token, String place) {
        knownKeys(token, place + ".SpecialToken.", Set.of("id", "type_id"));
        String name = token.path("id").isTextual() ? token.path("id").textValue() : "";
        JsonNode meaning = processor.path("special_tokens").path(name);
        String key = "%s.special_tokens[%s]".formatted(where, quote(name));
        if (!meaning.isObject()) {
            throw fault("%s: expected the token that %s names".formatted(key, place));
        }
        knownKeys(meaning, key + ".", Set.of("id", "ids", "tokens"));
        TokenIds ids = new TokenIds(1);
        for (JsonNode id : array(meaning, key, "ids")) {
            if (!BaseVocabulary.isId(id)) {
                throw fault("%s.ids: %s".formatted(key, BaseVocabulary.noId(id)));
            }
            ids.add(id.intValue());
        }
        return ids.toArray();
    }

    /// Checks the decoder. The options of a ByteLevel decoder do nothing. They belong to the pre-tokenizer of
    /// the same type.
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
                        // The unknown token stands for bytes outside the vocabulary, and there are none.
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
            base.merge(left, right, rank, table, "%s: model.merges[%d]".formatted(origin, rank));
        }
        return table;
    }

    private AddedVocabulary addedTokens(JsonNode nodes) {
        AddedVocabulary added = new AddedVocabulary(base.ids());
        if (isAbsent(nodes)) {
            return added;
        }
        if (!nodes.isArray()) {
            throw fault("added_tokens: expected an array");
        }
        for (int i = 0; i < nodes.size(); i++) {
            String where = "added_tokens[%d]".formatted(i);
            JsonNode node = nodes.get(i);
            AddedToken token = addedToken(node, where);
            JsonNode id = node.path("id");
            if (!BaseVocabulary.isId(id)) {
                throw fault("%s.id: %s".formatted(where, BaseVocabulary.noId(id)));
            }
            String content = token.content();
            if (added.contains(content)) {
                throw fault("%s.content: %s is added twice".formatted(where, quote(content)));
            }
            int given = added.idFor(content);
            if (given != id.intValue() && (base.ids().containsKey(content) || base.isTaken(id.intValue()))) {
                throw fault("%s.id: %d, but Hugging Face's tokenizers give %s the id %d"
                        .formatted(where, id.intValue(), quote(content), given));
            }
            if (given != id.intValue()) { // it leaves a gap, which Hugging Face's tokenizers warn of, too
                otherIds.add("%s: %s has the id %d as in Hugging Face's tokenizers, not %d as %s says"
                        .formatted(TokenizerFiles.TOKENIZER, quote(content), given, id.intValue(), where));
            }
            base.take(given, content, "%s: %s.id".formatted(origin, where));
            added.add(token);
        }
        return added;
    }

    private AddedToken addedToken(JsonNode node, String where) {
        if (!node.isObject()) {
            throw fault("%s: expected an object".formatted(where));
        }
        Set<String> known = new HashSet<>(FLAGS);
        known.addAll(Set.of("id", "content"));
        knownKeys(node, where + ".", known);
        AddedTokenJson json = new AddedTokenJson("%s: %s".formatted(origin, where), node);
        return json.token(json.content("content"), json.requiredFlag("special"), false);
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

    /// @param absent what the key means if it is absent
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
                unknownKeys.add(prefix + Quote.of(key));
            }
        });
    }

    private JsonNode array(JsonNode parent, String where, String key) {
        if (!parent.path(key).isArray()) {
            throw fault("%s.%s: expected an array".formatted(where, key));
        }
        return parent.path(key);
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
        return new InvalidModelException("%s: %s".formatted(origin, what));
    }
}
