package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.modelfile.InvalidModelException;

class UntrustedTokenizerJsonTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    @TempDir
    Path directory;

    @Test
    void readsTheSmallestVocabulary() throws IOException {
        Tokenizer tokenizer = read(valid());
        assertThat(tokenizer.encode("abc<|end|><x>", SpecialTokens.PARSE)).containsExactly(257, 258, 259);
        assertThat(tokenizer.encode("ab<x>", SpecialTokens.TEXT)).containsExactly(256, 259);
        assertThat(tokenizer.vocabularySize()).isEqualTo(260);
    }

    /// Each row has a place as a JSON pointer, the value that is put there, and what the message must name.
    @ParameterizedTest
    @CsvSource(
            delimiterString = " | ",
            quoteCharacter = '`',
            value = {
                "/normalizer/type                             | \"NFKC\"              | normalizer.type",
                "/pre_tokenizer                               | null                  | pre_tokenizer.type",
                "/pre_tokenizer/type                          | \"ByteLevel\"         | pre_tokenizer.type",
                "/pre_tokenizer/pretokenizers                 | []                    | pre_tokenizer.pretokenizers",
                "/pre_tokenizer/pretokenizers/0/pattern/Regex | \"\\\\s\"             | pretokenizers[0].pattern.Regex",
                "/pre_tokenizer/pretokenizers/0/pattern       | {\"String\": \" \"}   |"
                        + " pretokenizers[0].pattern.String",
                "/pre_tokenizer/pretokenizers/0/behavior      | \"Removed\"           | pretokenizers[0].behavior",
                "/pre_tokenizer/pretokenizers/0/invert        | true                  | pretokenizers[0].invert",
                "/pre_tokenizer/pretokenizers/1/use_regex     | true                  | pretokenizers[1].use_regex",
                "/pre_tokenizer/pretokenizers/1/add_prefix_space | true               |"
                        + " pretokenizers[1].add_prefix_space",
                "/post_processor                              | {\"type\": \"TemplateProcessing\"} |"
                        + " post_processor.single",
                "/post_processor                              | {\"type\": \"BertProcessing\"} | post_processor.type",
                "/post_processor/type                         | null                  | post_processor.type",
                "/post_processor                              | {\"type\": \"TemplateProcessing\", \"single\": []} |"
                        + " post_processor.single",
                "/post_processor                              | {\"type\": \"TemplateProcessing\", \"single\":"
                        + " [{\"Sequence\": {\"id\": \"A\"}}, {\"Sequence\": {\"id\": \"A\"}}]} |"
                        + " post_processor.single[1]",
                "/post_processor                              | {\"type\": \"TemplateProcessing\", \"single\":"
                        + " [{\"Sequence\": {\"id\": \"B\"}}]} | post_processor.single[0]",
                "/post_processor                              | {\"type\": \"TemplateProcessing\", \"single\":"
                        + " [{\"SpecialToken\": {\"id\": \"<s>\"}}, {\"Sequence\": {\"id\": \"A\"}}]} |"
                        + " post_processor.special_tokens[\"<s>\"]",
                "/post_processor                              | {\"type\": \"TemplateProcessing\", \"single\":"
                        + " [{\"SpecialToken\": {\"id\": \"s\"}}, {\"Sequence\": {\"id\": \"A\"}}],"
                        + " \"special_tokens\": {\"s\": {\"ids\": [-1]}}} | special_tokens[\"s\"].ids",
                "/post_processor                              | {\"type\": \"Sequence\", \"processors\": 1} |"
                        + " post_processor.processors",
                "/normalizer                                  | {\"type\": \"Sequence\", \"normalizers\":"
                        + " [{\"type\": \"NFC\"}, {\"type\": \"Lowercase\"}]} | normalizer.normalizers[1].type",
                "/added_tokens/1/lstrip                       | 1                     | added_tokens[1].lstrip",
                "/decoder                                     | null                  | decoder.type",
                "/decoder/type                                | \"WordPiece\"         | decoder.type",
                "/model/type                                  | \"Unigram\"           | model.type",
                "/model/dropout                               | 0.1                   | model.dropout",
                "/model/byte_fallback                         | true                  | model.byte_fallback",
                "/model/ignore_merges                         | true                  | model.ignore_merges",
                "/model/continuing_subword_prefix             | \"##\"                |"
                        + " model.continuing_subword_prefix",
                "/model/end_of_word_suffix                    | \"</w>\"              | model.end_of_word_suffix",
                "/added_tokens/1/content                      | \"\"                  | added_tokens[1].content",
                "/added_tokens/1/content                      | \"<|end|>\"           | added_tokens[1].content",
                "/added_tokens/1/content                      | \"ab\"                | added_tokens[1].id",
                "/added_tokens/1/content                      | \"\\ud800\"           | added_tokens[1].content",
                "/added_tokens/1/id                           | 258                   | added_tokens[1].id",
                "/added_tokens/1/id                           | 5                     | added_tokens[1].id",
                "/added_tokens/1/id                           | -1                    | added_tokens[1].id",
                "/added_tokens/1/id                           | 2000000000            | added_tokens[1].id",
                "/added_tokens/1/special                      | null                  | added_tokens[1].special",
                "/model/vocab                                 | {}                    | model.vocab",
                "/model/vocab/a                               | -1                    | model.vocab[\"a\"]",
                "/model/vocab/a                               | 1.5                   | model.vocab[\"a\"]",
                "/model/vocab/a                               | \"64\"                | model.vocab[\"a\"]",
                "/model/vocab/a                               | 99999999999           | model.vocab[\"a\"]",
                "/model/vocab/a                               | 98                    | model.vocab[",
                "/model/merges                                | {}                    | model.merges",
                "/model/merges/0                              | \"ab\"                | model.merges[0]",
                "/model/merges/0                              | \"a b c\"             | model.merges[0]",
                "/model/merges/0                              | [\"a\"]               | model.merges[0]",
                "/model/merges/0                              | [\"a\", 1]            | model.merges[0]",
                "/model/merges/0                              | [\"a\", \"no\\nsuch\"] | model.merges[0]",
                "/model/merges/0                              | \"a x\"               | model.merges[0]",
            })
    void whatWouldChangeTheIdsIsRefusedByName(String pointer, String value, String named) throws IOException {
        ObjectNode json = valid();
        set(json, pointer, MAPPER.readTree(value));
        assertThatThrownBy(() -> read(json))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("tokenizer.json: ")
                .hasMessageContaining(named)
                .satisfies(e -> assertThat(e.getMessage()).hasLineCount(1));
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = " | ",
            quoteCharacter = '`',
            value = {
                "/truncation            | {\"max_length\": 2}",
                "/padding               | {\"strategy\": \"BatchLongest\"}",
                "/post_processor        | null",
                "/decoder/use_regex     | true",
                "/model/dropout         | 0",
                "/model/unk_token       | \"a\"",
                "/model/merges/0        | [\"a\", \"b\"]",
                "/added_tokens/2        | {\"id\": 256, \"content\": \"ab\", \"single_word\": false, \"lstrip\":"
                        + " false, \"rstrip\": false, \"normalized\": false, \"special\": false}",
            })
    void whatWouldNotIsRead(String pointer, String value) throws IOException {
        ObjectNode json = valid();
        set(json, pointer, MAPPER.readTree(value));
        assertThat(read(json).encode("a b<x>", SpecialTokens.TEXT)).containsExactly('a', ' ', 'b', 259);
    }

    /// Whatever value is anywhere, the file is read or refused in one line. Nothing else is thrown.
    @Test
    void anyValueAnywhereIsReadOrRefused() throws IOException {
        List<JsonNode> junk = new ArrayList<>();
        for (String value : List.of(
                "null", "true", "-1", "0", "1e400", "12345678901234567890", "\"\"", "\" \"", "[]", "{}", "[[]]")) {
            junk.add(MAPPER.readTree(value));
        }
        int refused = 0;
        int sound = 0;
        for (String pointer : pointers(valid(), "")) {
            for (JsonNode value : junk) {
                ObjectNode json = valid();
                set(json, pointer, value);
                try {
                    read(json).encode("abc <x>", SpecialTokens.PARSE);
                    sound++;
                } catch (InvalidModelException e) {
                    assertThat(e.getMessage()).hasLineCount(1).contains("tokenizer.json");
                    refused++;
                }
            }
        }
        assertThat(refused).isGreaterThan(sound);
    }

    /// Hugging Face's tokenizers give the token the next id and warn of it, too.
    @Test
    void anIdThatLeavesAGapCausesAWarning() throws IOException {
        ObjectNode json = valid();
        set(json, "/added_tokens/1/id", MAPPER.readTree("300"));
        Tokenizer tokenizer = read(json);
        assertThat(tokenizer.encode("abc<|end|><x>", SpecialTokens.PARSE)).containsExactly(257, 258, 259);
        assertThat(tokenizer.warnings())
                .containsExactly("tokenizer.json: \"<x>\" has the id 259 as in Hugging Face's tokenizers, not 300 as"
                        + " added_tokens[1] says");
    }

    @Test
    void unknownKeysCauseAWarning() throws IOException {
        ObjectNode json = valid();
        json.put("new_stage", 1);
        ((ObjectNode) json.at("/normalizer")).put("left", true);
        ((ObjectNode) json.at("/model")).put("new\noption", 1);
        ((ObjectNode) json.at("/added_tokens/1")).put("shape", 1);
        Tokenizer tokenizer = read(json);
        assertThat(tokenizer.encode("abc<|end|><x>", SpecialTokens.PARSE)).containsExactly(257, 258, 259);
        assertThat(tokenizer.warnings())
                .containsExactly(
                        "tokenizer.json: key new_stage is unknown and ignored",
                        "tokenizer.json: key normalizer.left is unknown and ignored",
                        "tokenizer.json: key model.new\\noption is unknown and ignored",
                        "tokenizer.json: key added_tokens[1].shape is unknown and ignored");
        for (int i = 0; i < 100; i++) {
            json.put("key " + i, i);
        }
        assertThat(read(json).warnings())
                .hasSize(11)
                .last()
                .isEqualTo("tokenizer.json: 94 more keys are unknown and ignored");
    }

    @Test
    void aVocabularyWithoutAByteIsRefused() throws IOException {
        ObjectNode json = valid();
        ((ObjectNode) json.at("/model/vocab")).remove("Ġ");
        assertThatThrownBy(() -> read(json))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("model.vocab: no token for the byte 0x20");
    }

    @Test
    void aMissingFileIsRefused() {
        assertThatThrownBy(() -> Tokenizer.read(directory.resolve("absent.json")))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("absent.json");
    }

    private Tokenizer read(JsonNode json) throws IOException {
        return Tokenizer.read(Files.writeString(
                directory.resolve("tokenizer.json"),
                MAPPER.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII).writeValueAsString(json)));
    }

    /// Returns a tokenizer with the 256 bytes, `ab` and `abc`, a special token and another added token.
    private static ObjectNode valid() throws IOException {
        ObjectNode json = (ObjectNode) MAPPER.readTree("""
            {"version": "1.0", "truncation": null, "padding": null,
             "added_tokens": [
              {"id": 258, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true},
              {"id": 259, "content": "<x>", "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": false}],
             "normalizer": {"type": "NFC"},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
              {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
              {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]},
             "post_processor": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false},
             "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false},
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": {}, "merges": ["a b", ["ab", "c"]]}}
            """);
        ((ObjectNode) json.at("/pre_tokenizer/pretokenizers/0/pattern")).put("Regex", PreTokenizer.PATTERN);
        ObjectNode vocab = (ObjectNode) json.at("/model/vocab");
        for (int b = 0; b < 256; b++) {
            vocab.put(String.valueOf(ByteAlphabet.characterOf(b)), b);
        }
        vocab.put("ab", 256);
        vocab.put("abc", 257);
        return json;
    }

    /// Replaces or adds the value to which `pointer` leads.
    private static void set(ObjectNode json, String pointer, JsonNode value) {
        int slash = pointer.lastIndexOf('/');
        String key = pointer.substring(slash + 1).replace("~1", "/").replace("~0", "~");
        switch (json.at(pointer.substring(0, slash))) {
            case ArrayNode array when Integer.parseInt(key) < array.size() -> array.set(Integer.parseInt(key), value);
            case ArrayNode array -> array.add(value);
            case JsonNode object -> ((ObjectNode) object).set(key, value);
        }
    }

    /// Returns pointers to all values, except that only every 60th of the vocabulary's many similar ones is
    /// included.
    private static List<String> pointers(JsonNode node, String pointer) {
        List<String> pointers = new ArrayList<>();
        if (!pointer.isEmpty()) {
            pointers.add(pointer);
        }
        for (int i = 0; i < node.size() && node.isArray(); i++) {
            pointers.addAll(pointers(node.get(i), pointer + "/" + i));
        }
        List<String> keys = new ArrayList<>();
        node.fieldNames().forEachRemaining(keys::add);
        for (int i = 0; i < keys.size(); i += keys.size() > 256 ? 60 : 1) {
            String key = keys.get(i).replace("~", "~0").replace("/", "~1");
            pointers.addAll(pointers(node.get(keys.get(i)), pointer + "/" + key));
        }
        return pointers;
    }
}
