package org.sparkqwen.engine.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.DocumentScore;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// The prefix of documents, by the model's files.
class DocumentPrefixTest {
    private static final int END = 8189; // <|endoftext|>
    private static final int TURN = 8190; // <|im_start|>
    private static final int TURN_END = 8191; // <|im_end|>

    private static final Windows STRIDED = new Windows.Strided(64, 32);
    private static final Windows ROLLING = new Windows.Rolling(64);
    private static final Windows HALF = new Windows.Half(8);

    private static final String TEXT = "The whale swam 0.";

    @TempDir
    Path directory;

    /// The columns are tokenizer_config.json's keys, then the token before a document with each window policy, -
    /// for none.
    @ParameterizedTest
    @CsvSource(
            delimiterString = " | ",
            quoteCharacter = '`',
            value = {
                "{}                                                                        | 8189 | 8189 | -",
                "{\"bos_token\": null, \"eos_token\": \"<|im_end|>\"}                       | 8189 | 8191 | -",
                "{\"bos_token\": \"<|im_start|>\"}                                          | 8189 | 8190 | -",
                "{\"bos_token\": \"<|im_start|>\", \"add_bos_token\": false}                | 8189 | 8190 | -",
                "{\"bos_token\": \"<|im_start|>\", \"add_bos_token\": true}                 | 8190 | 8190 | 8190",
                "{\"bos_token\": {\"content\": \"<|im_start|>\"}, \"add_bos_token\": true}  | 8190 | 8190 | 8190",
                "{\"bos_token\": null, \"add_bos_token\": true}                             | 8189 | 8189 | -",
                "{\"bos_token\": \"<|im_start|>\", \"tokenizer_class\": \"LlamaTokenizerFast\"} | 8190 | 8190 | 8190",
                "{\"bos_token\": \"<|im_start|>\", \"tokenizer_class\": \"LlamaTokenizerFast\","
                        + " \"add_bos_token\": false}                                       | 8189 | 8190 | -",
            })
    void theDefaultFollowsTheTokenizerAndTheTool(String config, String strided, String rolling, String half) {
        ModelCopy copy = ModelCopy.of(Golden.SMALL_MODEL, directory).json("tokenizer_config.json", json -> {
            json.remove(List.of("bos_token", "eos_token", "add_bos_token"));
            json.setAll(object(config));
        });
        try (Engine engine = open(copy)) {
            DocumentPrefix prefix = engine.documentPrefix();
            assertThat(token(prefix, STRIDED)).isEqualTo(strided);
            assertThat(token(prefix, ROLLING)).isEqualTo(rolling);
            assertThat(token(prefix, HALF)).isEqualTo(half);
        }
    }

    private static ObjectNode object(String json) {
        try {
            return (ObjectNode) new ObjectMapper().readTree(json);
        } catch (JsonProcessingException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String token(DocumentPrefix prefix, Windows windows) {
        OptionalInt token = prefix.token(prefix.byDefault(windows), windows);
        return token.isPresent() ? String.valueOf(token.getAsInt()) : "-";
    }

    /// The log-likelihoods are those of an independent float32 forward pass.
    @Test
    void aBeginningTokenStandsBeforeDocumentsAndPrompts() {
        try (Engine engine = open(beginning())) {
            for (Windows windows : List.of(STRIDED, ROLLING)) {
                assertThat(score(engine, text(TEXT), windows, Prefix.BOS).sumNll())
                        .isCloseTo(43.7291, within(5e-4));
                assertThat(score(engine, text(TEXT), windows, Prefix.EOS).sumNll())
                        .isCloseTo(35.1138, within(5e-4));
            }
            int[] ids = engine.tokens(text(TEXT));
            assertThat(engine.model().promptTokens(text(TEXT))).startsWith(TURN).hasSize(ids.length + 1);
            PromptedTokens prompted = PromptedTokens.of(engine.model(), text("The whale"), text(" swam 0."));
            assertThat(prompted.prompt()).startsWith(TURN);
            assertThat(Arrays.stream(prompted.prompt()).skip(1).toArray()).isEqualTo(engine.tokens(text("The whale")));
            assertThat(PromptedTokens.of(engine.model(), text(""), text(TEXT)).prompt())
                    .containsExactly(TURN);
        }
    }

    /// The ids are as tokenize writes them.
    @Test
    void tokensThatBeginWithItAlreadyGetNoSecondOne() {
        try (Engine engine = open(beginning())) {
            int[] whole = engine.model().promptTokens(text(TEXT));
            assertThat(score(engine, new Content.Tokens(whole), STRIDED, Prefix.BOS)
                            .tokenLogProbabilities())
                    .containsExactly(
                            score(engine, text(TEXT), STRIDED, Prefix.BOS).tokenLogProbabilities());
        }
    }

    /// llama-perplexity replaces the first token of every chunk.
    @Test
    void everyChunkOfHalvesBeginsWithIt() {
        try (Engine engine = open(beginning())) {
            int[] ids = {500, 300, 700, 900, 400, 600, 800, 350, 450, 550, 650, 750, 850, 333, 444};
            double[] values =
                    score(engine, new Content.Tokens(ids), HALF, Prefix.BOS).tokenLogProbabilities();
            assertThat(Arrays.stream(values)
                            .filter(value -> !Double.isNaN(value))
                            .count())
                    .isEqualTo(6);
            int[] second = {TURN, ids[8], ids[9], ids[10], ids[11], ids[12], ids[13], ids[14]};
            double[] alone = score(engine, new Content.Tokens(second), new Windows.Strided(8, 8), Prefix.NONE)
                    .tokenLogProbabilities();
            assertThat(Arrays.copyOfRange(values, 12, 15)).containsExactly(Arrays.copyOfRange(alone, 5, 8));
        }
    }

    @Test
    void aPostTrainedModelHasTheHarnesssTokenInRollingWindows() {
        ModelCopy copy = ModelCopy.of(Golden.SMALL_MODEL, directory)
                .json("tokenizer_config.json", json -> json.put("eos_token", "<|im_end|>"))
                .json(
                        "generation_config.json",
                        json -> json.putArray("eos_token_id").add(TURN_END).add(END));
        try (Engine engine = open(copy)) {
            int[] ids = engine.tokens(text(TEXT));
            int[] behind = new int[ids.length + 1];
            System.arraycopy(ids, 0, behind, 1, ids.length);
            for (var expected : List.of(new Expected(ROLLING, TURN_END), new Expected(STRIDED, END))) {
                behind[0] = expected.first();
                DocumentScore alone = score(engine, new Content.Tokens(behind), STRIDED, Prefix.NONE);
                assertThat(score(engine, text(TEXT), expected.windows(), Prefix.EOS)
                                .sumNll())
                        .isEqualTo(alone.sumNll());
            }
            assertThat(PromptedTokens.of(engine.model(), text(" "), text(TEXT)).prompt())
                    .containsExactly(TURN_END);
        }
    }

    private record Expected(Windows windows, int first) {}

    /// Returns a model like DeepSeek's distillates of Qwen.
    private ModelCopy beginning() {
        return ModelCopy.of(Golden.SMALL_MODEL, directory).json("tokenizer_config.json", json -> {
            json.put("add_bos_token", true).put("tokenizer_class", "LlamaTokenizerFast");
            ObjectNode token = json.putObject("bos_token");
            token.put("__type", "AddedToken").put("content", "<|im_start|>").put("normalized", true);
        });
    }

    private static Engine open(ModelCopy copy) {
        return Engine.open(copy.directory(), Golden.options(KernelChoice.VECTOR, 2, 256));
    }

    private static Content text(String text) {
        return new Content.Text(text, SpecialTokens.TEXT);
    }

    private static DocumentScore score(Engine engine, Content content, Windows windows, Prefix prefix) {
        Iterator<Result> results =
                engine.score(List.of(new Request.Score(0, content, new ScoringOptions(windows, prefix, 20)))
                        .iterator());
        return ((Result.Scored) results.next()).score();
    }
}
