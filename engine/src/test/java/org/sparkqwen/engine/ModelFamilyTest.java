package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.ModelWarnings;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.RenamedFamily;
import org.sparkqwen.engine.testing.Unwatched;

/// A family is all that a model of other keys and other names needs: a copy of a model that is renamed in
/// both has the model's bits, whichever way its weights are opened.
class ModelFamilyTest {
    private static final Path MODELS = Golden.DIRECTORY.resolve("models");
    private static final String FILE = "model.safetensors";

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"dense-tied-f32", "dense-odd-f16", "moe-mixed-bf16", "moe-norm"})
    void aRenamedModelHasTheModelsBits(String name) {
        renamed(name);
        assertThat(ModelConfig.read(directory).family()).isEqualTo(new RenamedFamily());
        assertThat(ModelWarnings.of(directory)).isEqualTo(ModelWarnings.of(MODELS.resolve(name)));
        assertThat(bits(directory, Long.MAX_VALUE)).isEqualTo(bits(MODELS.resolve(name), Long.MAX_VALUE));
    }

    @ParameterizedTest
    @ValueSource(strings = {"dense-tied-f32", "moe-mixed-bf16"})
    void soHasItsPackedForm(String name, @TempDir Path packed, @TempDir Path cache) throws PackingException {
        renamed(name);
        Packing.intoDirectory(directory, WeightEncoding.STORED, packed, cache, new Unwatched());
        List<Object> expected = bits(MODELS.resolve(name), Long.MAX_VALUE);
        assertThat(bits(packed, Long.MAX_VALUE)).isEqualTo(expected);
        assertThat(bits(packed, 0)).as("streamed").isEqualTo(expected);
    }

    @Test
    void soHasItsBareForm() {
        ModelCopy model = renamed("dense-tied-f32");
        model.renamed(FILE, tensor -> tensor.replaceFirst("^body[.]", ""));
        assertThat(bits(directory, Long.MAX_VALUE)).isEqualTo(bits(MODELS.resolve("dense-tied-f32"), Long.MAX_VALUE));
    }

    @Test
    void messagesNameTheFamilysKeysAndTensors() {
        ModelCopy model = renamed("dense-tied-f32");
        model.config(json -> json.put("depth", 4));
        assertThat(refusal()).contains("tensor body.block3/first_scale is missing");
        model.config(json -> json.put("depth", 3).put("tie_word_embeddings", false));
        assertThat(refusal()).contains("the weights have no head, answer, so the model predicts no tokens");
        model.renamed(FILE, tensor -> tensor.replaceFirst("^body[.]", "soul."));
        assertThat(refusal()).contains("the names of tensors begin with soul. where body. or nothing is read");
        model.config(json -> json.put("width", 0));
        assertThat(refusal()).contains("config.json: width must be a whole number from 1 to");
    }

    private ModelCopy renamed(String name) {
        ModelCopy model = ModelCopy.of(MODELS.resolve(name), directory);
        RenamedFamily.rename(model, FILE);
        return model;
    }

    private String refusal() {
        return Refusal.messageOf(() -> bits(directory, Long.MAX_VALUE));
    }

    /// The log-probabilities of a document, and those of generated texts with their tokens.
    private static List<Object> bits(Path model, long weightMemory) {
        List<Object> bits = new ArrayList<>();
        int[] document = new Random(1).ints(70, 0, 511).toArray();
        try (Engine engine = Engine.open(model, Golden.options(KernelChoice.VECTOR, 2, 64), weightMemory)) {
            double[] scores = Golden.scored(engine, document, Golden.unprefixed(48, 20))
                    .score()
                    .tokenLogProbabilities();
            Arrays.stream(scores).mapToObj(Double::doubleToRawLongBits).forEach(bits::add);
            for (long seed = 0; seed < 3; seed++) {
                int[] prompt = Arrays.copyOf(document, 10 + (int) seed);
                Result.Generated text = Golden.generated(engine, prompt, Golden.sampled(12, 1.2, seed));
                bits.add(text.tokens());
                bits.add(text.logProbabilities());
            }
        }
        return bits;
    }
}
