package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.testing.GgufWriter;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Refusal;

/// The tokenizer in the metadata of a GGUF file gives the ids of the tokenizer.json from which it was made.
class GgufTokenizerTest {
    private static final Path LITTLE = Golden.DIRECTORY.resolve("gguf/little.gguf");
    private static final Path LITTLE_DIRECTORY = Golden.DIRECTORY.resolve("gguf/little");

    @TempDir
    private Path directory = Path.of("");

    static List<SampleTokenizer> samples() {
        return SampleTokenizer.ALL;
    }

    @ParameterizedTest
    @MethodSource("samples")
    void idsAreThoseOfTokenizerJson(SampleTokenizer sample) throws IOException {
        int rows = sample.ours().vocabularySize() + 267;
        Path file = new GgufWriter().putTokenizer(sample.json(), rows).write(file());
        assertSameIds(Tokenizer.ofModel(file), sample.ours());
    }

    @Test
    void theSmallModelHasTheTokenizerOfItsDirectory() {
        Tokenizer tokenizer = Tokenizer.ofModel(LITTLE);
        Tokenizer expected = Tokenizer.ofModel(LITTLE_DIRECTORY);
        assertSameIds(tokenizer, expected);
        assertThat(tokenizer.warnings()).isEmpty();
        assertThat(tokenizer.bosToken()).isEqualTo(expected.bosToken());
        assertThat(tokenizer.eosToken()).isEqualTo(expected.eosToken());
        assertThat(tokenizer.isSpecialToken(273)).isTrue();
        assertThat(tokenizer.isAddedToken(276)).isTrue();
        assertThat(tokenizer.isSpecialToken(276)).isFalse();
        assertThat(tokenizer.bytesOf(278)).isEmpty(); // [PAD278]
    }

    @Test
    void theSmallModelHasTheChatTemplateOfItsDirectory() {
        List<ChatTemplate.Message> messages = List.of(new ChatTemplate.Message("user", "Why <think>?"));
        assertThat(ChatTemplate.read(LITTLE).orElseThrow().render(messages, true, null))
                .isEqualTo("<|im_start|>user\nWhy <think>?<|im_end|>\n<|im_start|>assistant\n")
                .isEqualTo(ChatTemplate.read(LITTLE_DIRECTORY).orElseThrow().render(messages, true, null));
    }

    private static void assertSameIds(Tokenizer tokenizer, Tokenizer expected) {
        assertThat(tokenizer.vocabularySize()).isEqualTo(expected.vocabularySize());
        RandomTexts texts = new RandomTexts(new Random(23));
        for (int i = 0; i < 500; i++) {
            String text = texts.next(12);
            for (SpecialTokens special : SpecialTokens.values()) {
                int[] ids = expected.encode(text, special);
                assertThat(tokenizer.encode(text, special)).as(text).isEqualTo(ids);
                assertThat(tokenizer.decode(ids)).isEqualTo(expected.decode(ids));
            }
        }
        for (int id = 0; id < expected.vocabularySize(); id++) {
            assertThat(tokenizer.bytesOf(id)).isEqualTo(expected.bytesOf(id));
            assertThat(tokenizer.isSpecialToken(id)).isEqualTo(expected.isSpecialToken(id));
            assertThat(tokenizer.isAddedToken(id)).isEqualTo(expected.isAddedToken(id));
        }
    }

    /// The metadata say nothing of normalization, so a tokenizer.json can say more.
    @Test
    void aTokenizerJsonBesideTheFileWins() throws IOException {
        Path file = Files.copy(LITTLE, file());
        String json = Files.readString(LITTLE_DIRECTORY.resolve("tokenizer.json"));
        Files.writeString(directory.resolve("tokenizer.json"), json.replace("{\n  \"type\": \"NFC\"\n }", "null"));
        String text = "e\u0301 <|im_end|>";
        assertThat(Tokenizer.ofModel(LITTLE).encode(text, SpecialTokens.PARSE)).hasSize(3);
        assertThat(Tokenizer.ofModel(file).encode(text, SpecialTokens.PARSE)).hasSize(5);
        assertThat(Tokenizer.ofModel(file).eosToken()).hasValue(275);
        assertThat(ChatTemplate.read(file)).isPresent();
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"<|endoftext|>\"}");
        assertThat(Tokenizer.ofModel(file).eosToken()).hasValue(273);
        assertThat(ChatTemplate.read(file)).isEmpty();
        Files.writeString(directory.resolve("chat_template.jinja"), "{{ 'ours' }}");
        assertThat(ChatTemplate.read(file).orElseThrow().render(List.of(), false, null))
                .isEqualTo("ours");
    }

    /// Without a tokenizer.json, the files that add to one may be those of another model.
    @Test
    void whatAddsToATokenizerJsonDoesNotCountWithoutIt() throws IOException {
        Path file = Files.copy(LITTLE, file());
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"eos_token\": \"<|endoftext|>\"}");
        Files.writeString(directory.resolve("vocab.json"), "{}");
        Files.writeString(directory.resolve("merges.txt"), "");
        assertThat(Tokenizer.ofModel(file).eosToken()).hasValue(275);
    }

    @Test
    void tokensAroundATextAreObeyed() {
        Path file = edited(writer -> writer.put("tokenizer.ggml.add_bos_token", true)
                .put("tokenizer.ggml.add_eos_token", true)
                .put("tokenizer.ggml.bos_token_id", 8189)
                .put("tokenizer.ggml.eos_token_id", 8191));
        int[] ids = Tokenizer.ofModel(file).encodeWhole("the", SpecialTokens.TEXT);
        assertThat(ids).hasSize(3).startsWith(8189).endsWith(8191);
    }

    @Test
    void aFileWithoutATokenizerHasNone() {
        assertThat(TokenizerFiles.existIn(edited(writer -> writer.remove("tokenizer.ggml.model"))))
                .isFalse();
        assertThat(TokenizerFiles.existIn(edited(writer -> writer.put("tokenizer.ggml.model", "none"))))
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        tokenizer.ggml.model | llama | tokenizer.ggml.model llama is not supported; gpt2 is; the model's tokenizer.json
        tokenizer.ggml.pre | llama-bpe | tokenizer.ggml.pre llama-bpe is not supported; qwen2 is; the model's tokenizer
        tokenizer.ggml.tokens | x | tokenizer.ggml.tokens must be a list of strings, not x
        tokenizer.ggml.token_type | x | tokenizer.ggml.token_type must be a list of whole numbers of 32 bits, not x
        tokenizer.ggml.merges | x | tokenizer.ggml.merges must be a list of strings, not x
        tokenizer.ggml.eos_token_id | x | tokenizer.ggml.eos_token_id must be a whole number from 0 to 8,191, not x
        """)
    void anotherTokenizerIsRefusedByItsName(String key, String value, String line) {
        assertThat(refusal(writer -> writer.put(key, value)))
                .startsWith(file() + ": ")
                .contains(line);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tokenizer.ggml.pre",
                "tokenizer.ggml.tokens",
                "tokenizer.ggml.token_type",
                "tokenizer.ggml.merges"
            })
    void whatIsMissingIsNamed(String key) {
        assertThat(refusal(writer -> writer.remove(key))).contains(key + " must be a ", ", not absent");
    }

    @Test
    void contradictionsAreRefused() {
        assertThat(refusal(writer -> writer.put("tokenizer.chat_template", 5)))
                .contains("tokenizer.chat_template must be a string, not 5");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.token_type", new int[] {1, 2})))
                .contains("tokenizer.ggml.token_type has 2 values, and tokenizer.ggml.tokens has 8,192");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.tokens", List.of("a", "b", "a"))
                        .put("tokenizer.ggml.token_type", new int[] {1, 1, 1})))
                .contains("tokenizer.ggml.tokens[2]: the token a is there twice, it has the id 0 too");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.tokens", List.of("a"))
                        .put("tokenizer.ggml.token_type", new int[] {6})))
                .contains("tokenizer.ggml.token_type[0]: the type 6 is not supported; 1 (normal), 3 (control)");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.tokens", List.of("a"))
                        .put("tokenizer.ggml.token_type", new int[] {1})))
                .contains("(as vocab.json): no token for the byte 0x00; a byte-level vocabulary has all 256");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.merges", List.of("a b\nc d"))))
                .contains("tokenizer.ggml.merges[0]: a b\\nc d, expected two tokens with a space between");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.merges", List.of("t h", "t \u4e00"))))
                .contains("(as merges.txt): line 3: \"\u4e00\" is not in vocab.json");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.tokens", new byte[] {
                    9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, (byte) 0xFF
                })))
                .contains("tokenizer.ggml.tokens has malformed UTF-8");
    }

    private Path file() {
        return directory.resolve("model.gguf");
    }

    /// Writes the sample model's tokenizer, edited.
    private Path edited(Consumer<GgufWriter> edit) {
        try {
            GgufWriter writer = new GgufWriter().putTokenizer(SampleTokenizer.TINY.json(), 8192);
            edit.accept(writer);
            return writer.write(file());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String refusal(Consumer<GgufWriter> edit) {
        Path file = edited(edit);
        return Refusal.messageOf(() -> Tokenizer.ofModel(file));
    }
}
