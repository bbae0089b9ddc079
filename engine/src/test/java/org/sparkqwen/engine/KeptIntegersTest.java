package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.CheckpointTensor;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.QuantizedGolden;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// Quantized matrices keep their integers and scales where these fit 8 or 4 bits, and then the model is still the one
/// with the values of its weights.
class KeptIntegersTest {
    private static final int[] TOKENS = {5, 20, 17, 42, 25, 3};
    private static final String LAYER = "model.layers.0.";

    @TempDir
    private Path directory = Path.of("");

    /// Groups of 16 inputs, an order of activations, zero points of 8 bits, floats, and scales that no float16 is
    /// do not fit. Integers of 4 bits less a zero point fit 8 bits.
    @ParameterizedTest
    @CsvSource({
        "gptq-groups, self_attn.q_proj, PANELS_INT4_KEPT",
        "gptq-groups, mlp.down_proj, PANELS_INT4_KEPT",
        "gptq-int8, self_attn.o_proj, PANELS_INT8_KEPT",
        "gptq-int8, mlp.down_proj, PANELS_INT8_KEPT",
        "awq-groups, self_attn.q_proj, PANELS_INT8_KEPT",
        "awq-groups, mlp.down_proj, PANELS_INT8_KEPT",
        "packed-int4-groups, self_attn.q_proj, PANELS_INT4_KEPT",
        "packed-int4-groups, mlp.experts.1.gate_proj, PANELS_INT4_KEPT",
        "packed-int4-groups, mlp.experts.1.up_proj, PANELS_F32",
        "packed-int8, mlp.up_proj, PANELS_INT8_KEPT",
        "int8, self_attn.q_proj, PANELS_F32",
        "int8, mlp.up_proj, PANELS_INT8_KEPT",
        "packed-int4, mlp.experts.0.gate_proj, PANELS_F32",
        "packed-int4, mlp.experts.0.down_proj, PANELS_INT4_KEPT",
        "packed-int4-zeros, mlp.up_proj, PANELS_F32",
        "gptq, mlp.up_proj, PANELS_F32",
        "gptq-order, mlp.up_proj, PANELS_F32",
        "gptq-v2-int8, mlp.up_proj, PANELS_F32",
        "awq, mlp.up_proj, PANELS_F32",
        "float8, mlp.up_proj, PANELS_F32",
        "fp8-powers, mlp.up_proj, PANELS_BF16"
    })
    void integersAreKeptWhereTheyFit(String name, String matrix, String form) throws PackingException {
        try (PackedFile packed = packed(QuantizedGolden.model(name), WeightEncoding.STORED)) {
            assertThat(forms(packed))
                    .containsEntry(LAYER + matrix + ".weight", form)
                    .containsEntry(LAYER + "input_layernorm.weight", "VECTOR_F32")
                    .containsEntry("model.embed_tokens.weight", "PANELS_BF16"); // and the head
        }
    }

    /// The values are the expected ones to the bit, but for the sign of zeros.
    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.QuantizedGolden#NAMES")
    void packedValuesAreThoseOfTheDescription(String name) throws PackingException {
        Path plain = QuantizedGolden.plain(name, directory);
        try (PackedFile packed = packed(QuantizedGolden.model(name), WeightEncoding.STORED);
                Checkpoint expected = Checkpoint.open(plain)) {
            for (PackedTensor tensor : packed.tensors()) {
                if (tensor.form().arrangement() == PackedTensor.Arrangement.PANELS) {
                    assertValues(packed, tensor, expected.find(tensor.name()).orElseThrow());
                }
            }
        }
    }

    private static void assertValues(PackedFile packed, PackedTensor tensor, CheckpointTensor expected) {
        float[] values = new float[(int) expected.elements()];
        expected.read(0, values);
        long data = packed.data(tensor).address();
        long panelBytes = tensor.form().format().panelBytes(tensor.inputs());
        for (int output = 0; output < tensor.outputs(); output++) {
            for (int input = 0; input < tensor.inputs(); input++) {
                float actual = tensor.form()
                        .format()
                        .ofPanel(data + output / 32 * panelBytes, tensor.inputs(), input, output % 32);
                float value = values[output * tensor.inputs() + input];
                assertThat(Float.floatToRawIntBits(actual + 0f))
                        .as("%s[%d][%d]", tensor.name(), output, input)
                        .isEqualTo(Float.floatToRawIntBits(value + 0f));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gptq-groups", "gptq-int8", "awq-groups", "packed-int4-groups"})
    void everyWayToKeptIntegersGivesTheBitsOfTheirValues(String name) throws PackingException {
        Path model = QuantizedGolden.model(name);
        Path plain = QuantizedGolden.plain(name, directory);
        Answers expected = answers(plain, KernelChoice.VECTOR, Long.MAX_VALUE);
        Path packed = packedDirectory(model, WeightEncoding.STORED);
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            assertThat(answers(model, kernels, Long.MAX_VALUE)).isEqualTo(expected);
            assertThat(answers(packed, kernels, Long.MAX_VALUE)).isEqualTo(expected);
            assertThat(answers(packed, kernels, 0)).as("streamed").isEqualTo(expected);
        }
        assertThat(answers(model, KernelChoice.SCALAR, Long.MAX_VALUE)).isEqualTo(expected);
    }

    /// 4.5 bits instead of 32, where the format's panels are full.
    @Test
    void keptIntegersTakeASeventhOfTheMemory() throws PackingException {
        try (PackedFile packed = packed(QuantizedGolden.model("gptq-groups"), WeightEncoding.STORED)) {
            PackedTensor tensor =
                    packed.layout().find(LAYER + "self_attn.o_proj.weight").orElseThrow();
            assertThat(tensor.shape()).containsExactly(64, 32);
            assertThat(tensor.bytes()).isEqualTo(64 * 32 * 9 / 16);
        }
    }

    /// Kept integers are no encoding that rounds. One that rounds keeps them where they fit its format.
    @Test
    void theEncodingSaysWhetherNumbersWereRounded() throws PackingException {
        Path model = QuantizedGolden.model("gptq-groups");
        try (PackedFile stored = packed(model, WeightEncoding.STORED)) {
            assertThat(WeightEncoding.of(stored, WeightEncoding.STORED)).isEqualTo(WeightEncoding.STORED);
            assertThatThrownBy(() -> WeightEncoding.of(stored, WeightEncoding.INT4))
                    .isInstanceOf(InvalidModelException.class)
                    .hasMessageContaining("is packed with weights stored");
        }
        try (PackedFile four = packed(model, WeightEncoding.INT4)) {
            assertThat(WeightEncoding.of(four, WeightEncoding.INT4)).isEqualTo(WeightEncoding.INT4);
            assertThat(forms(four))
                    .containsEntry(LAYER + "mlp.up_proj.weight", "PANELS_INT4_KEPT")
                    .containsEntry("model.embed_tokens.weight", "PANELS_INT8");
        }
        try (PackedFile eight = packed(model, WeightEncoding.INT8)) {
            assertThat(WeightEncoding.of(eight, WeightEncoding.INT8)).isEqualTo(WeightEncoding.INT8);
            assertThat(forms(eight)).containsEntry(LAYER + "mlp.up_proj.weight", "PANELS_INT8");
        }
        EngineOptions options = Golden.options(KernelChoice.VECTOR, 1, 64);
        try (Engine engine = Engine.open(model, options)) {
            assertThat(engine.encoding()).isEqualTo(WeightEncoding.STORED);
        }
    }

    /// All back-ends give the same bits in 8 bits, without any further encoding.
    @ParameterizedTest
    @ValueSource(strings = {"gptq-groups", "gptq-int8"})
    void keptIntegersCanBeMultiplied(String name) {
        Path model = QuantizedGolden.model(name);
        Answers expected = answers(model, KernelChoice.SCALAR.in(Precision.INT8), Long.MAX_VALUE);
        assertThat(expected).isNotEqualTo(answers(model, KernelChoice.SCALAR, Long.MAX_VALUE));
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            assertThat(answers(model, kernels.in(Precision.INT8), Long.MAX_VALUE))
                    .isEqualTo(expected);
        }
        assertThatThrownBy(() ->
                        answers(QuantizedGolden.model("gptq"), KernelChoice.VECTOR.in(Precision.INT8), Long.MAX_VALUE))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("no weights are integers");
    }

    /// A g_idx of consecutive inputs says nothing new, and any other order does not fit. A zero point that is not
    /// the middle makes a matrix of 4 bits one of 8, if its groups are large enough.
    @Test
    void theTensorsDecide() throws PackingException {
        Path model = QuantizedGolden.copy("gptq-groups", directory).directory();
        Path file = model.resolve("model.safetensors");
        SafetensorsWriter.rewrite(file, tensors -> {
            number(tensors, LAYER + "self_attn.q_proj.g_idx", 31, 1);
            number(tensors, LAYER + "self_attn.k_proj.qzeros", 1, 0x77777767);
            number(tensors, LAYER + "self_attn.o_proj.qzeros", 1, 0x77777767);
        });
        try (PackedFile packed = packed(model, WeightEncoding.STORED)) {
            assertThat(forms(packed))
                    .containsEntry(LAYER + "self_attn.q_proj.weight", "PANELS_F32")
                    .containsEntry(LAYER + "self_attn.k_proj.weight", "PANELS_F32")
                    .containsEntry(LAYER + "self_attn.o_proj.weight", "PANELS_INT8_KEPT")
                    .containsEntry(LAYER + "self_attn.v_proj.weight", "PANELS_INT4_KEPT");
        }
    }

    /// Overwrites 32 bits of a tensor.
    private static void number(Map<String, SafetensorsWriter.Tensor> tensors, String name, int index, int bits) {
        SafetensorsWriter.Tensor tensor = Objects.requireNonNull(tensors.get(name), name);
        ByteBuffer.wrap(tensor.bytes()).order(ByteOrder.LITTLE_ENDIAN).putInt(index * Integer.BYTES, bits);
    }

    private Path packedDirectory(Path model, WeightEncoding encoding) throws PackingException {
        Path packed = directory.resolve("packed-" + encoding);
        return Files.exists(packed)
                ? packed
                : Packing.intoDirectory(model, encoding, packed, directory.resolve("cache"), new Unwatched())
                        .file()
                        .resolveSibling("");
    }

    private PackedFile packed(Path model, WeightEncoding encoding) throws PackingException {
        return PackedFile.open(packedDirectory(model, encoding).resolve(PackedFile.NAME));
    }

    private static Map<String, String> forms(PackedFile packed) {
        Map<String, String> forms = new TreeMap<>();
        packed.tensors()
                .forEach(tensor -> forms.put(tensor.name(), tensor.form().toString()));
        return forms;
    }

    /// What a model says: log-probabilities in nats, and tokens that it continues with.
    private record Answers(String logProbabilities, String tokens) {}

    /// @param memory bytes that weights may take
    private static Answers answers(Path model, KernelChoice kernels, long memory) {
        try (Engine engine = Engine.open(model, Golden.options(kernels, 2, 64), memory)) {
            double[] scored = Golden.scored(engine, TOKENS, Golden.unprefixed(64, 64))
                    .score()
                    .tokenLogProbabilities();
            int[] continued = Golden.greedyPastEndOfText(engine, TOKENS, 8);
            return new Answers(Arrays.toString(scored), Arrays.toString(continued));
        }
    }
}
