package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;

/// The tensors that a configuration requires are compared with published sizes and with checkpoints.
class TensorPlanTest {
    private static final Path TIED = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final Path UNTIED = Golden.DIRECTORY.resolve("models/dense-untied-bf16-2shards");

    @TempDir
    private Path directory;

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "0.6B, 1024, 28, 16, 3072, true, 596049920, 114688",
        "1.7B, 2048, 28, 16, 6144, true, 1720574976, 114688",
        "4B, 2560, 36, 32, 9728, true, 4022468096, 147456",
        "8B, 4096, 36, 32, 12288, false, 8190735360, 147456",
        "14B, 5120, 40, 40, 17408, false, 14768307200, 163840",
        "32B, 5120, 64, 64, 25600, false, 32762123264, 262144"
    })
    void thePublishedModelsHaveTheirPublishedSizes(
            String name,
            int hidden,
            int layers,
            int heads,
            int intermediate,
            boolean tied,
            long parameters,
            long bf16) {
        published(hidden, layers, heads, intermediate)
                .config(json ->
                        json.put("head_dim", 128).put("num_key_value_heads", 8).put("tie_word_embeddings", tied));
        ModelConfig config = ModelConfig.read(directory);
        assertThat(TensorPlan.of(config).parameters()).as(name).isEqualTo(parameters);
        assertThat(config.keyValueBytesPerToken()).as(name).isEqualTo(2 * bf16); // float32
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "30B-A3B, 2048, 48, 32, 6144, 768, 30532122624, 49152",
        "235B-A22B, 4096, 94, 64, 12288, 1536, 235093634560, 96256"
    })
    void soHaveTheMixtures(
            String name,
            int hidden,
            int layers,
            int heads,
            int intermediate,
            int expertIntermediate,
            long parameters,
            long bf16) {
        published(hidden, layers, heads, intermediate)
                .config(json -> json.put("model_type", "qwen3_moe")
                        .put("head_dim", 128)
                        .put("num_key_value_heads", 4)
                        .put("num_experts", 128)
                        .put("num_experts_per_tok", 8)
                        .put("norm_topk_prob", true)
                        .put("decoder_sparse_step", 1)
                        .put("moe_intermediate_size", expertIntermediate)
                        .put("tie_word_embeddings", false)
                        .putArray("mlp_only_layers"));
        ModelConfig config = ModelConfig.read(directory);
        assertThat(TensorPlan.of(config).parameters()).as(name).isEqualTo(parameters);
        assertThat(config.keyValueBytesPerToken()).as(name).isEqualTo(4 * bf16); // float32, of keys and of values
        assertThat(config.warnings()).isEmpty();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "0.5B, 896, 24, 14, 2, 4864, 151936, true, 494032768",
        "1.5B, 1536, 28, 12, 2, 8960, 151936, true, 1543714304",
        "3B, 2048, 36, 16, 2, 11008, 151936, true, 3085938688",
        "7B, 3584, 28, 28, 4, 18944, 152064, false, 7615616512",
        "14B, 5120, 48, 40, 8, 13824, 152064, false, 14770033664",
        "32B, 5120, 64, 40, 8, 27648, 152064, false, 32763876352",
        "72B, 8192, 80, 64, 8, 29568, 152064, false, 72706203648"
    })
    void soHaveQwen25(
            String name,
            int hidden,
            int layers,
            int heads,
            int keyValueHeads,
            int intermediate,
            int vocabulary,
            boolean tied,
            long parameters) {
        published(hidden, layers, heads, intermediate)
                .config(json -> json.put("model_type", "qwen2")
                        .put("num_key_value_heads", keyValueHeads)
                        .put("vocab_size", vocabulary)
                        .put("tie_word_embeddings", tied)
                        .put("use_sliding_window", false)
                        .put("sliding_window", 32_768)
                        .remove("head_dim"));
        assertThat(TensorPlan.of(ModelConfig.read(directory)).parameters())
                .as(name)
                .isEqualTo(parameters);
    }

    private ModelCopy published(int hidden, int layers, int heads, int intermediate) {
        return ModelCopy.of(TIED, directory)
                .without("generation_config.json")
                .config(json -> json.put("vocab_size", 151_936)
                        .put("eos_token_id", 151_643)
                        .put("hidden_size", hidden)
                        .put("num_hidden_layers", layers)
                        .put("num_attention_heads", heads)
                        .put("intermediate_size", intermediate));
    }

    @Test
    void aCheckpointThatFitsTheConfigHasNoDifferences() {
        assertThat(differences(TIED, TIED)).isEmpty();
        assertThat(differences(UNTIED, UNTIED)).isEmpty();
        for (String name : List.of("moe-mixed-bf16", "moe-norm", "qwen2-bias")) {
            Path model = TIED.resolveSibling(name);
            assertThat(differences(model, model)).as(name).isEmpty();
        }
    }

    @Test
    void missingTensorsAreNamed() {
        ModelCopy.of(TIED, directory).config(json -> json.put("num_hidden_layers", 4));
        assertThat(differences(directory, TIED))
                .hasSize(11)
                .contains("tensor model.layers.3.self_attn.q_norm.weight is missing");
        assertThat(openingRefusal())
                .contains("tensor model.layers.3.input_layernorm.weight is missing", "and 6 more such");
    }

    @Test
    void expertsAndBiasesThatAreMissingAreNamed() {
        ModelCopy.of(TIED.resolveSibling("moe-norm"), directory)
                .config(json -> json.put("num_experts", 9).put("num_hidden_layers", 1));
        assertThat(differences(directory, TIED.resolveSibling("moe-norm")))
                .contains(
                        "tensor model.layers.0.mlp.gate.weight has shape [8, 96], the config needs [9, 96]",
                        "tensor model.layers.0.mlp.experts.8.up_proj.weight is missing",
                        "tensor model.layers.1.mlp.experts.0.up_proj.weight has no place in the model");
        assertThat(differences(TIED.resolveSibling("qwen2-bias"), TIED))
                .contains("tensor model.layers.0.self_attn.q_proj.bias is missing");
    }

    @Test
    void superfluousTensorsAreNamed() {
        ModelCopy.of(TIED, directory).config(json -> json.put("num_hidden_layers", 2));
        assertThat(differences(directory, TIED))
                .hasSize(11)
                .contains("tensor model.layers.2.mlp.up_proj.weight has no place in the model");
        assertThat(openingRefusal()).contains("tensor model.layers.2.", "has no place in the model", "6 more such");
    }

    @Test
    void tensorsOfAnotherShapeAreNamedWithBothShapes() {
        ModelCopy.of(TIED, directory).config(json -> json.put("intermediate_size", 161));
        assertThat(differences(directory, TIED))
                .hasSize(9)
                .contains("tensor model.layers.0.mlp.down_proj.weight has shape [96, 160], the config needs [96, 161]");
        assertThat(openingRefusal()).contains("model.layers.0.mlp.gate_proj.weight has shape [160, 96]");
    }

    @Test
    void aHeadThatTheConfigNeedsIsNamedBeforeTheWeightsSayThatThereIsNone() {
        ModelCopy.of(TIED, directory).config(json -> json.put("tie_word_embeddings", false));
        assertThat(differences(directory, TIED))
                .singleElement()
                .asString()
                .startsWith("tensor lm_head.weight is missing: models for embeddings have no head");
    }

    /// Checkpoints of tied models may carry a copy of the embedding as lm_head.
    @Test
    void aHeadThatATiedModelDoesNotNeedIsIgnored() {
        ModelCopy.of(UNTIED, directory).config(json -> json.put("tie_word_embeddings", true));
        assertThat(differences(directory, UNTIED)).isEmpty();
        try (Engine engine = Engine.open(directory, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            assertThat(Golden.scored(engine, new int[] {1, 2, 3}, Golden.unprefixed(64, 64))
                            .score()
                            .tokensScored())
                    .isEqualTo(2);
        }
    }

    private String openingRefusal() {
        String message = Refusal.messageOf(() -> Engine.open(directory, Golden.options(KernelChoice.SCALAR, 1, 64))
                .close());
        assertThat(message).startsWith(directory.toString());
        return message;
    }

    private static List<String> differences(Path config, Path weights) {
        ModelConfig read = ModelConfig.read(config);
        try (Checkpoint checkpoint = Checkpoint.open(weights, read.family().names())) {
            return TensorPlan.of(read).differences(checkpoint);
        }
    }
}
