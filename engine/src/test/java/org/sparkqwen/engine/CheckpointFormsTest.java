package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;

/// Checkpoints may have heads and names of tensors that differ from what their config says.
class CheckpointFormsTest {
    private static final Path TIED = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final String FILE = "model.safetensors";
    private static final int[] TOKENS = {5, 300, 17, 42, 511, 3};

    @TempDir
    private Path directory = Path.of("");

    private ModelCopy model = new ModelCopy(Path.of("set up before each test"));

    @BeforeEach
    void copy() {
        model = ModelCopy.of(TIED, directory);
    }

    @Test
    void aHeadThatDiffersFromTheEmbeddingIsUsedWithAWarning() {
        model.withHead(FILE, 0.5f);
        List<Double> stated = logProbabilities(directory);
        assertThat(warnings())
                .containsExactly("config.json: tie_word_embeddings is true, but the weights have a head of their own,"
                        + " lm_head.weight, which differs from the embedding; it is used, as transformers 5 does");
        model.config(json -> json.put("tie_word_embeddings", false));
        assertThat(stated).isEqualTo(logProbabilities(directory)).isNotEqualTo(logProbabilities(TIED));
        assertThat(warnings()).isEmpty();
    }

    @Test
    void aHeadThatIsTheEmbeddingIsTiedWithoutAWarning() {
        model.withHead(FILE, 0);
        assertThat(logProbabilities(directory)).isEqualTo(logProbabilities(TIED));
        assertThat(warnings()).isEmpty();
    }

    /// The same numbers in float32 and in bfloat16 count as equal.
    @Test
    void theSameNumbersInAnotherFormatAreTheEmbedding() {
        model.withHead(FILE, 0);
        SafetensorsWriter.rewrite(directory.resolve(FILE), tensors -> {
            tensors.computeIfPresent("model.embed_tokens.weight", (_, tensor) -> tensor.toBf16());
            tensors.computeIfPresent(
                    "lm_head.weight", (_, tensor) -> tensor.toBf16().toF32());
        });
        assertThat(logProbabilities(directory)).hasSize(TOKENS.length);
        assertThat(warnings()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"dense-tied-f32", "dense-odd-f16", "moe-norm", "qwen2-bias"})
    void namesWithoutThePrefixAreThoseOfTheBareModel(String name, @TempDir Path bare) {
        Path original = TIED.resolveSibling(name);
        ModelCopy.of(original, bare).renamed(FILE, tensor -> tensor.replaceFirst("^model[.]", ""));
        assertThat(logProbabilities(bare)).isEqualTo(logProbabilities(original));
    }

    @Test
    void aHeadMayStandBesideNamesWithoutThePrefix() {
        model.withHead(FILE, 0.5f).config(json -> json.put("tie_word_embeddings", false));
        List<Double> before = logProbabilities(directory);
        model.renamed(FILE, tensor -> tensor.replaceFirst("^model[.]", ""));
        assertThat(logProbabilities(directory)).isEqualTo(before);
    }

    @Test
    void aBareModelWithoutHeadThatIsNotTiedIsNotScored() {
        model.renamed(FILE, tensor -> tensor.replaceFirst("^model[.]", ""))
                .config(json -> json.put("tie_word_embeddings", false));
        assertThat(Refusal.messageOf(() -> logProbabilities(directory)))
                .contains("the weights have no head, lm_head.weight, so the model predicts no tokens");
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        ^model[.] | language_model.model. | the names of tensors begin with language_model.model. where model. or
        ^model[.] | model.language_model. | the names of tensors begin with model.language_model. where model. or
        ^model[.] | transformer. | the names of tensors begin with transformer. where model. or nothing is read
        ^model[.].*[.] | x. | such as x.
        up_proj[.]weight | up_proj.qweight | the weights are quantized: there is a tensor model.layers.0.mlp.up_proj.q
        up_proj[.]weight | up_proj.weight_scale_inv | the weights are quantized
        q_proj[.]weight | q_proj.lora_A.weight | the weights are those of an adapter: there is a tensor model.layers.0
        """)
    void otherNamesAreOneLine(String pattern, String replacement, String line) {
        int[] count = {0};
        model.renamed(FILE, tensor -> {
            String renamed = tensor.replaceFirst(pattern, replacement);
            return replacement.equals("x.") ? "x." + count[0]++ : renamed;
        });
        assertThat(refusal()).contains(line).doesNotContain(" is missing").doesNotContain("more such");
    }

    private String refusal() {
        return Refusal.messageOf(() -> logProbabilities(directory));
    }

    private List<String> warnings() {
        return ModelWarnings.of(directory);
    }

    private static List<Double> logProbabilities(Path model) {
        try (Engine engine = Engine.open(model, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            double[] scored = Golden.scored(engine, TOKENS, Golden.unprefixed(64, 64))
                    .score()
                    .tokenLogProbabilities();
            return Arrays.stream(scored).boxed().toList();
        }
    }
}
