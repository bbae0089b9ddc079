package org.sparkqwen.engine.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.Rope;
import org.sparkqwen.engine.testing.GgufWriter;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Refusal;

/// Each key of the metadata is obeyed, changes nothing, is refused, or causes a warning.
class GgufConfigTest {
    private static final Path TIED = Golden.DIRECTORY.resolve("models/dense-tied-f32");

    @TempDir
    private Path directory = Path.of("");

    @Test
    void theConfigurationIsThatOfTheMetadata() {
        JsonNode config = config(writer -> writer.put("qwen3.rope.freq_base", 5e6f));
        assertThat(config.path("model_type").textValue()).isEqualTo("qwen3");
        assertThat(config.path("hidden_size").intValue()).isEqualTo(96);
        assertThat(config.path("head_dim").intValue()).isEqualTo(32);
        assertThat(config.path("rope_theta").doubleValue()).isEqualTo(5e6);
        assertThat(config.path("rms_norm_eps").doubleValue()).isEqualTo(1e-6);
        assertThat(config.path("tie_word_embeddings").booleanValue()).isTrue();
        assertThat(config.path("vocab_size").intValue()).isEqualTo(512);
    }

    @Test
    void aModelWithAHeadIsNotTied() {
        JsonNode config = config(writer -> writer.add("output.weight", GgufWriter.F32, List.of(1), new byte[4]));
        assertThat(config.path("tie_word_embeddings").booleanValue()).isFalse();
    }

    /// Without a key, heads share the hidden size, as in llama.cpp, and there are as many key heads as query heads.
    @Test
    void absentKeysHaveTheDefaultsOfTheFormat() {
        JsonNode config = config(writer -> writer.remove("qwen3.attention.key_length")
                .remove("qwen3.attention.head_count_kv")
                .remove("qwen3.rope.freq_base"));
        assertThat(config.path("head_dim").intValue()).isEqualTo(16);
        assertThat(config.path("num_key_value_heads").intValue()).isEqualTo(6);
        assertThat(config.has("rope_theta")).isFalse(); // 10,000, as without the key in config.json
    }

    @Test
    void theVocabularyIsThatOfAKeyOrOfTheTokensOrOfTheEmbedding() {
        assertThat(config(writer -> writer.put("tokenizer.ggml.tokens", List.of("a", "b", "c")))
                        .path("vocab_size")
                        .intValue())
                .isEqualTo(3);
        assertThat(config(writer -> writer.put("tokenizer.ggml.tokens", List.of("a"))
                                .put("qwen3.vocab_size", 7))
                        .path("vocab_size")
                        .intValue())
                .isEqualTo(7);
        assertThat(refusal(writer -> writer.tensors().clear()))
                .contains("tokenizer.ggml.tokens must be a list of strings, not absent");
    }

    /// The generation_config.json of Qwen's chat models names both ends, too.
    @Test
    void theEndOfADocumentEndsTextsToo() {
        List<String> tokens = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot|>");
        assertThat(ends(writer -> writer.put("tokenizer.ggml.eos_token_id", 2).put("tokenizer.ggml.tokens", tokens)))
                .isEqualTo("[2,0]");
        assertThat(ends(writer -> writer.put("tokenizer.ggml.eos_token_id", 0).put("tokenizer.ggml.tokens", tokens)))
                .isEqualTo("[0]");
        assertThat(ends(writer -> writer.put("tokenizer.ggml.eos_token_id", 2)
                        .put("tokenizer.ggml.eot_token_id", 3)
                        .put("tokenizer.ggml.tokens", tokens)))
                .isEqualTo("[2,3,0]");
        assertThat(ends(writer -> writer.remove("tokenizer.ggml.eos_token_id").put("tokenizer.ggml.tokens", tokens)))
                .isEqualTo("[]");
    }

    private String ends(Consumer<GgufWriter> edit) {
        return config(edit).path("eos_token_id").toString();
    }

    @Test
    void yarnIsReadWithItsSettings() {
        Path file = edited(writer -> writer.put("qwen3.rope.scaling.type", "yarn")
                .put("qwen3.rope.scaling.factor", 4f)
                .put("qwen3.rope.scaling.original_context_length", 1024)
                .put("qwen3.rope.scaling.yarn_beta_fast", 16f)
                .put("qwen3.rope.scaling.yarn_beta_slow", 2f)
                .put("qwen3.rope.scaling.finetuned", true));
        Rope.Yarn yarn = (Rope.Yarn) ModelConfig.read(file).rope();
        assertThat(yarn.factor()).isEqualTo(4);
        assertThat(yarn.originalPositions()).isEqualTo(1024);
        assertThat(yarn.betaFast()).isEqualTo(16);
        assertThat(yarn.betaSlow()).isEqualTo(2);
    }

    @Test
    void scalingByOneIsNone() {
        for (String type : List.of("none", "linear")) {
            Path file =
                    edited(writer -> writer.put("qwen3.rope.scaling.type", type).put("qwen3.rope.scaling.factor", 1f));
            assertThat(ModelConfig.read(file).rope()).isEqualTo(new Rope.Plain(1e6));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        general.architecture | llama | general.architecture llama is not supported; qwen3, qwen3moe, qwen2 are
        general.architecture | qwen35moe | general.architecture qwen35moe is not supported
        general.type | adapter | general.type adapter is not supported; it would change results; model or no such key is
        general.type | mmproj | general.type mmproj is not supported
        qwen3.rope.scaling.type | longrope | qwen3.rope.scaling.type longrope is not supported; none and yarn are
        qwen3.rope.scaling.type | yarn | qwen3.rope.scaling.factor must be a number, not absent
        qwen3.block_count | many | qwen3.block_count must be a whole number from 1 to 16,777,216, not many
        qwen3.attention.layer_norm_rms_epsilon | x | qwen3.attention.layer_norm_rms_epsilon must be a number, not x
        """)
    void wordsThatAreNotSupportedAreRefused(String key, String value, String line) {
        assertThat(refusal(writer -> writer.put(key, value))).contains(line);
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        general.quantization_version | 1 | it would change results; 2 or no such key is
        qwen3.attention.value_length | 16 | only the 32 of a head's keys are
        qwen3.rope.dimension_count | 16 | only the 32 of a head's keys are
        qwen3.rope.scaling.factor | 4 | without a scaling type, or with linear, only 1 is
        qwen3.attention.sliding_window | 4096 | it would change results; 0 or no such key is
        qwen3.expert_shared_count | 1 | it would change results; 0 or no such key is
        qwen3.expert_gating_func | 2 | it would change results; 1, softmax, or no such key is
        qwen3.rope.scaling.attn_factor | 2 | it would change results; 1 or no such key is
        qwen3.logit_scale | 2 | it would change results; 1 or no such key is
        qwen3.attention.head_count | 0 | qwen3.attention.head_count must be a whole number from 1 to 16,777,216, not 0
        qwen3.attention.head_count | 16777217 | qwen3.attention.head_count must be a whole number
        qwen3.attention.key_length | 31 | (as config.json): head_dim must be even
        qwen3.attention.head_count_kv | 4 | num_attention_heads 6 is not a multiple of num_key_value_heads 4
        qwen3.block_count | 5000 | (as config.json): num_hidden_layers must be a whole number from 1 to
        tokenizer.ggml.eos_token_id | 512 | (as config.json): eos_token_id 512 is outside the vocabulary of 512
        """)
    void numbersThatAreNotSupportedAreRefused(String key, int value, String line) {
        assertThat(refusal(writer -> writer.put(key, value))).contains(line);
    }

    @Test
    void flagsThatAreNotSupportedAreRefused() {
        assertThat(refusal(writer -> writer.put("qwen3.attention.causal", false)))
                .contains("qwen3.attention.causal false is not supported; it would change results; true or no such");
        assertThat(refusal(writer -> writer.put("tokenizer.ggml.add_space_prefix", true)))
                .contains("tokenizer.ggml.add_space_prefix true is not supported");
        assertThat(refusal(writer -> writer.put("qwen3.rope.dimension_sections", new int[] {1})))
                .contains("qwen3.rope.dimension_sections a list of 1 values is not supported");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "general.architecture",
                "qwen3.block_count",
                "qwen3.context_length",
                "qwen3.embedding_length",
                "qwen3.feed_forward_length",
                "qwen3.attention.head_count",
                "qwen3.attention.layer_norm_rms_epsilon"
            })
    void whatIsMissingIsNamed(String key) {
        assertThat(refusal(writer -> writer.remove(key))).contains(key + " must be a ", ", not absent");
    }

    @Test
    void unknownKeysCauseAWarningAndOthersDoNot() {
        Path file = edited(writer -> writer.put("general.name", "a name")
                .put("general.base_model.0.name", "another")
                .put("general.file_type", 7)
                .put("quantize.imatrix.file", "a file")
                .put("general.quantization_version", 2)
                .put("qwen3.attention.causal", true)
                .put("llama.block_count", 3)
                .put("qwen3.new\u001b_key", 3)
                .put("general.sampling.top_k", 20));
        assertThat(ModelConfig.read(file).warnings())
                .containsExactly(
                        "model.gguf: unknown keys are ignored: llama.block_count, qwen3.new\\u001b_key",
                        "model.gguf: settings of generation are ignored, because a generation_config.json beside the"
                                + " file says more: general.sampling.top_k");
    }

    /// A person reads that page, so no key may be missing there.
    @Test
    void theDocumentationNamesEveryKey() throws IOException {
        String page = Files.readString(Path.of("../docs/gguf.md"));
        for (Set<String> keys : List.of(
                GgufKeys.OBEYED, GgufKeys.WITHOUT_EFFECT, GgufKeys.STARTS_WITHOUT_EFFECT, GgufKeys.changingKeys())) {
            assertThat(keys).allSatisfy(key -> assertThat(page).contains("`" + key));
        }
        for (TensorType type : TensorType.values()) {
            assertThat(page).contains(type.name());
        }
    }

    private Path edited(Consumer<GgufWriter> edit) {
        GgufWriter writer = GgufWriter.of(TIED);
        edit.accept(writer);
        return writer.write(directory.resolve("model.gguf"));
    }

    private JsonNode config(Consumer<GgufWriter> edit) {
        try {
            return new ObjectMapper().readTree(GgufModel.read(edited(edit)).config());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String refusal(Consumer<GgufWriter> edit) {
        Path file = edited(edit);
        String message = Refusal.messageOf(() -> ModelConfig.read(file));
        assertThat(message).startsWith(file.toString());
        return message;
    }
}
