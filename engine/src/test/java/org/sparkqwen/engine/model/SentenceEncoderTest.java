package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.testing.EmbeddingModel;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Refusal;

/// The files of sentence-transformers are read as they are published, and what would change an embedding is refused
/// by name.
class SentenceEncoderTest {
    @TempDir
    private Path directory;

    @Test
    void promptsAreThoseOfTheFile() {
        EmbeddingModel.in(directory);
        assertThat(SentenceEncoder.read(directory).published()).isTrue();
        assertThat(SentenceEncoder.read(directory).defaultPrompt()).isNull();
        assertThat(SentenceEncoder.read(directory).prompts())
                .isEqualTo(Map.of(
                        "query",
                        "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
                        "document",
                        ""));
    }

    @Test
    void anOrdinaryModelHasNoSuchFiles() {
        assertThat(SentenceEncoder.read(Golden.SMALL_MODEL).published()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        {"pooling_mode_mean_tokens": true, "pooling_mode_lasttoken": false} | pooling_mode_mean_tokens true is not
        {"pooling_mode_cls_token": true, "pooling_mode_lasttoken": true} | pooling_mode_cls_token true is not supported
        {"pooling_mode_lasttoken": false} | pooling_mode_lasttoken must be true
        {} | pooling_mode_lasttoken must be true
        {"pooling_mode": "mean"} | pooling_mode mean is not supported; lasttoken is
        """)
    void otherPoolingsAreRefusedByName(String config, String message) throws IOException {
        EmbeddingModel.in(directory);
        Files.writeString(directory.resolve("1_Pooling/config.json"), config);
        assertThat(Refusal.messageOf(() -> SentenceEncoder.read(directory)))
                .contains("1_Pooling/config.json: ", message);
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        [{"type": "a.Transformer", "path": ""}, {"type": "a.Dense", "path": "2_Dense"}] | type a.Dense is not supported
        [{"type": "a.Transformer", "path": ""}] | has no module Pooling
        [{"type": "a.Pooling", "path": "../x"}] | path must be the name of a folder
        [3] | type must be a string
        {} | expected a JSON array
        """)
    void otherModulesAreRefused(String modules, String message) throws IOException {
        EmbeddingModel.in(directory);
        Files.writeString(directory.resolve("modules.json"), modules);
        assertThat(Refusal.messageOf(() -> SentenceEncoder.read(directory))).contains("modules.json: ", message);
    }

    @Test
    void aMissingPoolingIsAWarning() throws IOException {
        EmbeddingModel.in(directory);
        Files.delete(directory.resolve("1_Pooling/config.json"));
        assertThat(SentenceEncoder.read(directory).warnings())
                .singleElement()
                .asString()
                .contains("1_Pooling/config.json, which is not there; that of the last token is computed");
    }

    @Test
    void textsAreCutWhereSentenceTransformersCutsThem() throws IOException {
        EmbeddingModel.in(directory);
        Path tokenizer = directory.resolve("tokenizer_config.json");
        Files.writeString(tokenizer, "{}");
        assertThat(SentenceEncoder.read(directory).mostTokens()).isEmpty();
        Files.writeString(tokenizer, "{\"model_max_length\": 1000000000000000019884624838656}");
        assertThat(SentenceEncoder.read(directory).mostTokens()).hasValue(Integer.MAX_VALUE);
        Files.writeString(tokenizer, "{\"model_max_length\": 512}");
        assertThat(SentenceEncoder.read(directory).mostTokens()).hasValue(512);
        Path length = directory.resolve("sentence_bert_config.json");
        Files.writeString(length, "{\"max_seq_length\": null, \"do_lower_case\": false}");
        assertThat(SentenceEncoder.read(directory).mostTokens()).hasValue(512);
        Files.writeString(length, "{\"max_seq_length\": 128}");
        assertThat(SentenceEncoder.read(directory).mostTokens()).hasValue(128);
        Files.writeString(length, "{\"max_seq_length\": -1}");
        assertThat(Refusal.messageOf(() -> SentenceEncoder.read(directory)))
                .contains("sentence_bert_config.json: max_seq_length must be a number of tokens, not -1");
    }

    @Test
    void aDefaultPromptMustExist() throws IOException {
        EmbeddingModel.in(directory);
        Files.writeString(directory.resolve("config_sentence_transformers.json"), """
            {"prompts": {"query": "Query: "}, "default_prompt_name": "other"}
            """);
        assertThat(Refusal.messageOf(() -> SentenceEncoder.read(directory)))
                .contains("default_prompt_name must be one of the prompts, not \"other\"");
    }
}
