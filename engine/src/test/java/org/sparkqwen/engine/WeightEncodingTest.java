package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.Unwatched;

/// Models whose weights are rounded when they are packed: which tensors are, and that every way to such weights gives
/// the same bits.
class WeightEncodingTest {
    private static final int LENGTH = 48;

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource({
        "dense-untied-bf16-2shards, INT8", "dense-untied-bf16-2shards, INT4",
        "moe-mixed-bf16, INT8", "moe-mixed-bf16, INT4",
        "qwen2-bias, INT8", "qwen2-bias, INT4"
    })
    void everyWayToEncodedWeightsGivesTheSameBits(String name, WeightEncoding encoding) throws PackingException {
        Path model = Golden.DIRECTORY.resolve("models").resolve(name);
        Path packed = directory.resolve("packed");
        Path cache = directory.resolve("cache");
        Packing.intoDirectory(model, encoding, packed, cache, new Unwatched());
        List<Double> expected = scored(packed, WeightEncoding.STORED, KernelChoice.SCALAR);
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            assertThat(scored(packed, encoding, kernels)).isEqualTo(expected);
            assertThat(scored(model, encoding, kernels)).isEqualTo(expected);
        }
        Packing.intoCache(model, encoding, cache, new Unwatched());
        assertThat(Packing.find(model, encoding, cache)).isPresent();
        assertThat(Packing.find(model, WeightEncoding.STORED, cache)).isEmpty();
        assertThat(scored(model, WeightEncoding.STORED, KernelChoice.VECTOR)).isNotEqualTo(expected);
    }

    /// Norms, biases and routers keep their numbers, and the vocabulary has 8 bits at least.
    @Test
    void onlyMatricesAreRounded() throws PackingException {
        assertThat(forms("moe-mixed-bf16", WeightEncoding.INT4))
                .containsEntry("model.layers.0.self_attn.q_proj.weight", "PANELS_INT4")
                .containsEntry("model.layers.0.input_layernorm.weight", "VECTOR_F32")
                .containsEntry("model.layers.3.mlp.experts.7.up_proj.weight", "PANELS_INT4")
                .containsEntry("model.embed_tokens.weight", "PANELS_INT8"); // and the head
        assertThat(forms("dense-untied-bf16-2shards", WeightEncoding.INT4))
                .containsEntry("lm_head.weight", "PANELS_INT8")
                .containsEntry("model.embed_tokens.weight", "ROWS_INT8");
        Map<String, String> mixture = forms("moe-mixed-bf16", WeightEncoding.INT8);
        assertThat(mixture).doesNotContainValue("PANELS_INT4");
        assertThat(mixture)
                .containsEntry("model.layers.3.mlp.gate.weight", "PANELS_BF16")
                .containsEntry("model.layers.3.mlp.experts.7.up_proj.weight", "PANELS_INT8");
        assertThat(forms("qwen2-bias", WeightEncoding.INT4))
                .containsEntry("model.layers.0.self_attn.q_proj.bias", "VECTOR_F32")
                .containsEntry("model.layers.0.mlp.down_proj.weight", "PANELS_INT4");
    }

    private Map<String, String> forms(String name, WeightEncoding encoding) throws PackingException {
        Path model = Golden.DIRECTORY.resolve("models").resolve(name);
        Path packed = directory.resolve(name + encoding);
        Map<String, String> forms = new TreeMap<>();
        Path file = Packing.intoDirectory(model, encoding, packed, directory.resolve("cache"), new Unwatched())
                .file();
        try (PackedFile opened = PackedFile.open(file)) {
            for (PackedTensor tensor : opened.tensors()) {
                forms.put(tensor.name(), tensor.form().toString());
            }
        }
        return forms;
    }

    /// Rounded weights are not rounded again, and cannot be brought back.
    @ParameterizedTest
    @EnumSource
    void aPackedModelHasOneEncoding(WeightEncoding chosen) throws PackingException {
        Path packed = directory.resolve("packed");
        Packing.intoDirectory(
                Golden.SMALL_MODEL, WeightEncoding.INT8, packed, directory.resolve("cache"), new Unwatched());
        var options = Golden.options(KernelChoice.VECTOR, 1, 64).withWeights(chosen);
        switch (chosen) {
            case STORED, INT8 -> {
                try (Engine engine = Engine.open(packed, options)) {
                    assertThat(engine.encoding()).isEqualTo(WeightEncoding.INT8);
                }
            }
            case INT4 ->
                assertThatThrownBy(() -> Engine.open(packed, options))
                        .isInstanceOf(InvalidModelException.class)
                        .hasMessageContaining("is packed with weights int8, so weights int4 cannot be made of it");
        }
    }

    private static List<Double> scored(Path model, WeightEncoding encoding, KernelChoice kernels) {
        var options = Golden.options(kernels, 2, 3 * LENGTH).withWeights(encoding);
        try (Engine engine = Engine.open(model, options)) {
            Random random = new Random(3);
            List<Request.Score> documents = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                int[] tokens = random.ints(LENGTH, 0, 500).toArray();
                documents.add(Golden.score(i, tokens, Golden.unprefixed(LENGTH, LENGTH / 2)));
            }
            List<Double> results = new ArrayList<>();
            Iterator<Result> scored = engine.score(documents.iterator());
            while (scored.hasNext()) {
                for (double value : ((Result.Scored) scored.next()).score().tokenLogProbabilities()) {
                    results.add(value);
                }
            }
            return results;
        }
    }
}
