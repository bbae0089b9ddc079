package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// Mutated files of a tokenizer are refused in one line, or give the ids of Hugging Face's tokenizers.
class TokenizerFilesFuzzTest {
    private static final String TEXT = "Ab abc <x>  <|end|> e\u0301x <pad> abcabc\n<s>ab";

    private static final List<String> SNIPPETS = List.of(
            "true",
            "false",
            "null",
            "0",
            "-1",
            "256",
            "258",
            "260",
            "1e9",
            "\"\"",
            "\"ab\"",
            "\"<x>\"",
            "[]",
            "{}",
            "\"NFC\"",
            "\"ByteLevel\"",
            "\"Sequence\"",
            "\"TemplateProcessing\"",
            ",",
            ":",
            "\"",
            "}",
            "]",
            "\\u0000",
            "\\ud800",
            "\"A\"",
            "\"special\"",
            "\"normalized\"",
            "\"lstrip\"",
            " ",
            "\n",
            "a b",
            "ab c\n");

    @TempDir
    Path directory;

    @Test
    void mutatedFilesAreRefusedOrGiveTheReferencesIds() throws IOException {
        attack(1_500, 1);
    }

    @Test
    @Tag("slow")
    void manyMutatedFilesAreRefusedOrGiveTheReferencesIds() throws IOException {
        attack(60_000, 2);
    }

    private void attack(int times, long seed) throws IOException {
        Random random = new Random(seed);
        int sound = 0;
        for (int i = 0; i < times; i++) {
            Map<String, String> files = new HashMap<>(random.nextInt(4) == 0 ? vocabulary() : json());
            List<String> names = files.keySet().stream().sorted().toList();
            String name = names.get(random.nextInt(names.size()));
            String mutated = Objects.requireNonNull(files.get(name));
            for (int j = random.nextInt(3); j >= 0; j--) {
                mutated = mutated(random, mutated);
            }
            files.put(name, mutated);
            try {
                Tokenizer tokenizer = tokenizer(files);
                int[] ids = tokenizer.encodeWhole(TEXT, SpecialTokens.PARSE);
                tokenizer.encode(TEXT, SpecialTokens.TEXT);
                tokenizer.decode(ids);
                sound++;
                if (name.equals(TokenizerFiles.TOKENIZER)) {
                    assertSameAsReference(mutated, i);
                }
            } catch (InvalidModelException e) {
                assertThat(e.getMessage()).as("mutation %d", i).hasLineCount(1).hasSizeLessThan(6_000);
            } catch (RuntimeException | StackOverflowError e) {
                throw new AssertionError("mutation %d of %s: %s".formatted(i, name, mutated), e);
            }
        }
        assertThat(sound).isGreaterThan(times / 50);
    }

    /// Compares the tokenizer.json by itself, because the reference has no tokenizer_config.json. The
    /// reference may refuse what is read here.
    private void assertSameAsReference(String json, int mutation) throws IOException {
        Path file = Files.writeString(directory.resolve("tokenizer.json"), json);
        int[] ours = Tokenizer.read(file).encodeWhole(TEXT, SpecialTokens.PARSE);
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        try (HuggingFaceTokenizer reference = HuggingFaceTokenizer.newInstance(
                file, Map.of("addSpecialTokens", "true", "truncation", "false", "padding", "false"))) {
            int[] theirs = Arrays.stream(reference.encode(TEXT).getIds())
                    .mapToInt(Math::toIntExact)
                    .toArray();
            assertThat(ours).as("mutation %d: %s", mutation, json).isEqualTo(theirs);
        } catch (RuntimeException _) {
            // The reference does not read the file.
        }
    }

    private static Tokenizer tokenizer(Map<String, String> files) {
        Map<String, byte[]> contents = new HashMap<>();
        files.forEach((name, text) -> contents.put(name, text.getBytes(StandardCharsets.UTF_8)));
        return Tokenizer.of(new TokenizerFiles("fuzz", contents));
    }

    /// Replaces, removes, doubles or adds something, more often between two characters of JSON's syntax than
    /// inside a text.
    private static String mutated(Random random, String text) {
        if (text.isEmpty()) {
            return SNIPPETS.get(random.nextInt(SNIPPETS.size()));
        }
        int from = random.nextInt(text.length());
        for (int i = 0; i < 20 && ",:[]{}\" ".indexOf(text.charAt(from)) < 0; i++) {
            from = random.nextInt(text.length());
        }
        int to = Math.min(text.length(), from + random.nextInt(8));
        return switch (random.nextInt(6)) {
            case 0 -> text.substring(0, from) + text.substring(to);
            case 1 -> text.substring(0, from) + SNIPPETS.get(random.nextInt(SNIPPETS.size())) + text.substring(from);
            case 2 -> text.substring(0, from) + SNIPPETS.get(random.nextInt(SNIPPETS.size())) + text.substring(to);
            case 3 -> text.substring(0, to) + text.substring(from);
            case 4 -> swapped(random, text, "false", "true");
            default -> swapped(random, text, String.valueOf(random.nextInt(262)), String.valueOf(random.nextInt(262)));
        };
    }

    /// Replaces one of the occurrences of `from`.
    private static String swapped(Random random, String text, String from, String to) {
        List<Integer> places = new ArrayList<>();
        for (int i = text.indexOf(from); i >= 0; i = text.indexOf(from, i + 1)) {
            places.add(i);
        }
        if (places.isEmpty()) {
            return text;
        }
        int at = places.get(random.nextInt(places.size()));
        return text.substring(0, at) + to + text.substring(at + from.length());
    }

    private static String vocabularyJson() {
        StringBuilder vocabulary = new StringBuilder("{");
        for (int b = 0; b < 256; b++) {
            char c = ByteAlphabet.characterOf(b);
            vocabulary
                    .append(c == '"' || c == '\\' ? "\"\\" + c : "\"" + c)
                    .append("\":")
                    .append(b)
                    .append(',');
        }
        return vocabulary.append("\"ab\":256,\"abc\":257}").toString();
    }

    private static final String CONFIG = """
        {"added_tokens_decoder": {"259": {"content": "<x>", "special": false, "normalized": true},
         "260": {"content": "<pad>", "lstrip": true, "special": true}}, "pad_token": "<pad>", "bos_token": "<s>",
         "add_bos_token": true, "eos_token": null, "tokenizer_class": "Qwen2Tokenizer",
         "extra_special_tokens": {"image_token": "<|end|>"}}\
        """;

    private static Map<String, String> json() {
        String json = """
            {"added_tokens": [
              {"id": 258, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": true,
               "normalized": false, "special": true},
              {"id": 259, "content": "<x>", "single_word": true, "lstrip": false, "rstrip": false,
               "normalized": true, "special": false}],
             "normalizer": {"type": "NFC"},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
              {"type": "Split", "pattern": {"Regex": "%s"}, "behavior": "Isolated", "invert": false},
              {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]},
             "post_processor": {"type": "TemplateProcessing", "single": [
              {"SpecialToken": {"id": "<|end|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
              "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
              "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [258], "tokens": ["<|end|>"]}}},
             "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true},
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": %s, "merges": ["a b", ["ab", "c"]]}}
            """.formatted(PreTokenizer.PATTERN.replace("\\", "\\\\"), vocabularyJson());
        return Map.of(TokenizerFiles.TOKENIZER, json, TokenizerFiles.CONFIG, CONFIG);
    }

    private static Map<String, String> vocabulary() {
        return Map.of(
                TokenizerFiles.VOCABULARY,
                vocabularyJson(),
                TokenizerFiles.MERGES,
                "#version: 0.2\na b\nab c\n",
                TokenizerFiles.ADDED_TOKENS,
                "{\"<x>\": 259, \"<|end|>\": 258}",
                TokenizerFiles.SPECIAL_TOKENS,
                "{\"eos_token\": {\"content\": \"<|end|>\", \"lstrip\": false}, \"additional_special_tokens\": []}",
                TokenizerFiles.CONFIG,
                "{\"tokenizer_class\": \"Qwen2Tokenizer\", \"add_prefix_space\": false}");
    }
}
