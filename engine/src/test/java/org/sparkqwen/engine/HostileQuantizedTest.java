package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.quantized.NumberType;
import org.sparkqwen.engine.testing.QuantizedGolden;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.SafetensorsWriter;
import org.sparkqwen.engine.testing.Unwatched;

/// Quantized safetensors whose tensors do not fit together are refused in one line that names the tensor.
class HostileQuantizedTest {
    private static final String FILE = "model.safetensors";
    private static final String UP = "model.layers.0.mlp.up_proj.";

    @TempDir
    private Path directory = Path.of("");

    /// A part of a weight is missing: the model, the part, and what the refusal says.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        gptq | scales | up_proj.qweight needs model.layers.0.mlp.up_proj.scales, which is missing; download
        gptq | qzeros | needs model.layers.0.mlp.up_proj.qzeros, which is missing
        gptq | qweight | up_proj.qzeros belongs to no quantized weight
        gptq-order | g_idx | needs model.layers.0.mlp.up_proj.g_idx, which is missing
        packed-int4-zeros | weight_g_idx | needs model.layers.0.mlp.up_proj.weight_g_idx, which is missing
        awq | scales | needs model.layers.0.mlp.up_proj.scales, which is missing
        awq | qzeros | needs model.layers.0.mlp.up_proj.qzeros, which is missing
        packed-int8 | weight_scale | needs model.layers.0.mlp.up_proj.weight_scale, which is missing
        packed-int8 | weight_shape | needs model.layers.0.mlp.up_proj.weight_shape, which is missing
        packed-int8 | weight_packed | up_proj.weight_scale belongs to no quantized weight
        packed-int4-zeros | weight_zero_point | needs model.layers.0.mlp.up_proj.weight_zero_point, which is missing
        int8 | weight_scale | up_proj.weight needs model.layers.0.mlp.up_proj.weight_scale, which is missing
        int8 | weight | up_proj.weight_scale belongs to no quantized weight
        fp8 | weight_scale_inv | up_proj.weight needs model.layers.0.mlp.up_proj.weight_scale_inv, which is missing
        fp8-powers | weight_scale | needs model.layers.0.mlp.up_proj.weight_scale_inv, which is missing
        """)
    void aMissingPartIsNamed(String model, String part, String refusal) {
        assertThat(refusal(model, tensors -> tensors.remove(UP + part))).contains("tensor " + UP, refusal);
    }

    /// A part of a weight has another shape of as many or fewer numbers.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        gptq | scales | 2,47 | has shape [2, 47]; 4 bits, 48 outputs and 32 inputs in groups of 16 inputs need [2, 48]
        gptq | scales | 96 | has shape [96]; 4 bits, 48 outputs
        gptq | scales | 48,2 | need [2, 48]
        gptq | qzeros | 1,12 | has shape [1, 12]; 4 bits, 48 outputs and 32 inputs in groups of 16 inputs need [2, 6]
        gptq | g_idx | 31 | has shape [31]; 32 inputs need [32]
        gptq | g_idx | 4,8 | has shape [4, 8]; 32 inputs need [32]
        gptq | qweight | 192 | has shape [192]; quantized weights have 2 dimension(s) there
        gptq | qweight | 4,48,1 | quantized weights have 2 dimension(s) there
        gptq | qweight | 0,48 | has shape [0, 48]; quantized weights have 2 dimension(s) there
        gptq | qweight | 4,44 | has 44 outputs, of which 8 share a word of zero points
        gptq | qweight | 3,48 | up_proj.scales has shape [2, 48]; 4 bits, 48 outputs and 24 inputs|g_idx has shape [32]
        gptq-v2-int8 | scales | 2,24 | 8 bits, 48 outputs and 32 inputs in one group of all inputs need [1, 48]
        awq | qweight | 32,5 | scales has shape [2, 48]; 40 outputs and 32 inputs in groups of 16 inputs need [2, 40]
        awq | scales | 48,2 | has shape [48, 2]; 48 outputs and 32 inputs in groups of 16 inputs need [2, 48]
        awq | qzeros | 6,2 | has shape [6, 2]; 48 outputs and 32 inputs in groups of 16 inputs need [2, 6]
        packed-int8 | weight_scale | 23,2 | weight_scale of shape [23, 2] fits none of config.json's config_groups
        packed-int8 | weight_packed | 46,4 | weight_packed of shape [46, 4] with
        packed-int8 | weight_packed | 23,16 | weight_shape says [46, 32], and model.layers.0.mlp.up_proj.weight_packed
        packed-int8 | weight_shape | 1 | has shape [1]; two dimensions need [2]
        packed-int4-zeros | weight_zero_point | 4,3 | has shape [4, 3]; 4 bits, 44 outputs and the shape [44, 2]
        packed-int4-zeros | weight_g_idx | 30 | has shape [30]; 32 inputs need [32]
        int8 | weight | 1536 | has shape [1536]; quantized weights have 2 dimension(s) there
        float8 | weight_scale | 24,2 | fits none of config.json's config_groups: compressed-tensors, floats of 8 bits
        float8-blocks | weight_scale | 9 | fits none of
        fp8 | weight_scale_inv | 1,2 | has shape [1, 2]; 144 outputs and 32 inputs in blocks of 128 x 128 need [2, 1]
        """)
    void aMisshapenPartIsNamed(String model, String part, String sizes, String refusal) {
        List<Integer> shape =
                Arrays.stream(sizes.split(",")).map(Integer::valueOf).toList();
        int count = shape.stream().reduce(1, Math::multiplyExact);
        String message = refusal(
                model,
                tensors -> edit(
                        tensors,
                        UP + part,
                        tensor -> new SafetensorsWriter.Tensor(
                                tensor.dtype(),
                                shape,
                                Arrays.copyOf(
                                        tensor.bytes(), count * tensor.dtype().bytes()))));
        assertThat(message).contains("tensor " + UP);
        assertThat(refusal.split("[|]")).anyMatch(message::contains);
    }

    /// A part has another type of numbers, with as many numbers.
    @ParameterizedTest
    @CsvSource(delimiterString = " | ", textBlock = """
        gptq | qweight | F32 | has dtype F32; quantized weights have I32 there
        gptq | scales | I32 | has dtype I32; quantized weights have BF16 or F16 or F32 there
        gptq | qzeros | F32 | has dtype F32; quantized weights have I32 there
        gptq | g_idx | F32 | has dtype F32; quantized weights have I32 there
        gptq | scales | I8 | has dtype "I8"; the quantization that config.json names has BF16, F16, F32, I32
        packed-int8 | weight_packed | F32 | has dtype F32; quantized weights have I32 there
        packed-int8 | weight_shape | F32 | has dtype F32; quantized weights have I32 or I64 there
        packed-int4-zeros | weight_zero_point | F32 | has dtype F32; quantized weights have I8 or I32 there
        int8 | weight | F8_E4M3 | fits none of config.json's config_groups
        int8 | weight | I32 | up_proj.weight has dtype I32, which only quantized weights have
        fp8 | weight | I8 | has dtype "I8"; the quantization that config.json names has BF16, F16, F32, F8_E4M3
        """)
    void aPartOfAnotherTypeIsNamed(String model, String part, NumberType type, String refusal) {
        assertThat(refusal(
                        model,
                        tensors -> edit(tensors, UP + part, tensor -> {
                            int count = tensor.shape().stream().reduce(1, Math::multiplyExact);
                            return new SafetensorsWriter.Tensor(type, tensor.shape(), new byte[count * type.bytes()]);
                        })))
                .contains("tensor " + UP, refusal);
    }

    /// Numbers that no writer writes are found when the weight is packed.
    @Test
    void impossibleNumbersAreNamed() {
        assertThat(refusal("gptq", tensors -> number(tensors, UP + "g_idx", 7, 2)))
                .contains(UP + "g_idx puts input 7 into group 2; there are 2 groups");
        assertThat(refusal("gptq", tensors -> number(tensors, UP + "g_idx", 31, -1)))
                .contains(UP + "g_idx puts input 31 into group -1; there are 2 groups");
        assertThat(refusal("packed-int4-zeros", tensors -> number(tensors, UP + "weight_g_idx", 0, 1 << 30)))
                .contains(UP + "weight_g_idx puts input 0 into group 1,073,741,824");
        assertThat(refusal("fp8", tensors -> number(tensors, UP + "weight_scale_inv", 1, 0x7fc00000)))
                .contains(UP + "weight_scale_inv has the scale NaN for output 128 and group 0 of inputs; download the");
        assertThat(refusal("fp8-powers", tensors -> number(tensors, UP + "weight_scale", 0, 0xff800000)))
                .contains(UP + "weight_scale has the scale -Infinity for output 0");
        assertThat(refusal("gptq", tensors -> number(tensors, UP + "scales", 47, 0x7c007c00)))
                .contains(UP + "scales has the scale Infinity for output 46 and group 1");
        for (int inputs : new int[] {0, -1, 31, 1 << 25}) {
            assertThat(refusal("packed-int8", tensors -> number(tensors, UP + "weight_shape", 2, inputs)))
                    .contains("tensor " + UP + "weight");
        }
        assertThat(refusal("packed-int8", tensors -> number(tensors, UP + "weight_shape", 3, 1)))
                .contains(UP + "weight_shape says [46, 4294967328]");
    }

    /// Files whose g_idx was never filled have groups of consecutive inputs.
    @Test
    void anIndexOfNothingButMinusOneMeansConsecutiveGroups() throws PackingException {
        String all = "model.layers.0.mlp.down_proj.g_idx";
        Path model = QuantizedGolden.copy("gptq", directory).directory();
        SafetensorsWriter.rewrite(
                model.resolve(FILE),
                tensors -> edit(tensors, all, tensor -> {
                    byte[] bytes = new byte[tensor.bytes().length];
                    Arrays.fill(bytes, (byte) -1);
                    return new SafetensorsWriter.Tensor(tensor.dtype(), tensor.shape(), bytes);
                }));
        assertThat(Packing.intoCache(model, WeightEncoding.STORED, directory.resolve("cache"), new Unwatched())
                        .made())
                .isTrue();
    }

    @Test
    void aWeightThatIsThereTwiceIsNamed() {
        assertThat(refusal(
                        "gptq",
                        tensors -> tensors.put(
                                UP + "weight",
                                new SafetensorsWriter.Tensor(NumberType.F16, List.of(48, 32), new byte[48 * 32 * 2]))))
                .contains(UP + "qweight is the same weight as " + UP + "weight; download the model again");
        assertThat(refusal(
                        "fp8-powers",
                        tensors -> edit(
                                tensors,
                                UP + "weight_scale",
                                tensor -> new SafetensorsWriter.Tensor(NumberType.F32, List.of(2), new byte[8]))))
                .contains(UP + "weight_scale has shape [2]; there is one scale a weight, unless config.json has a");
    }

    /// The width of a layer that no tensor of the model has, and settings of another model.
    @Test
    void settingsOfAnotherModelAreRefused() throws IOException {
        Path model = QuantizedGolden.copy("gptq", directory).directory();
        Path config = model.resolve("config.json");
        String settings = Files.readString(config);
        Files.writeString(config, settings.replace("\"bits\": 4", "\"bits\": 8"));
        assertThat(refusal(model)).contains("scales has shape [2, 32]; 8 bits, 32 outputs and 16 inputs");
        Files.writeString(config, settings.replace("\"group_size\": 16", "\"group_size\": 128"));
        assertThat(refusal(model)).contains("scales has shape [2, 32]", "groups of 128 inputs need [1, 32]");
        Files.writeString(config, settings.replace("\"gptq\"", "\"awq\"").replace("checkpoint_format", "meta"));
        assertThat(refusal(model)).contains("tensor model.layers.0.self_attn.");
    }

    /// Each tensor is left out, cut, or given another type in turn. Each such model is refused in one line, or it
    /// runs.
    @ParameterizedTest
    @ValueSource(strings = {"gptq-order", "packed-int4-zeros", "float8"})
    void anyDamageIsRefusedInOneLine(String name) throws PackingException {
        Path model = QuantizedGolden.copy(name, directory).directory();
        Path file = model.resolve(FILE);
        Map<String, SafetensorsWriter.Tensor> whole = SafetensorsWriter.read(file);
        int refused = 0;
        for (String tensor : whole.keySet()) {
            List<Consumer<Map<String, SafetensorsWriter.Tensor>>> damages = new ArrayList<>();
            damages.add(tensors -> tensors.remove(tensor));
            damages.add(tensors -> edit(tensors, tensor, HostileQuantizedTest::withoutAnOutput));
            damages.add(tensors -> edit(tensors, tensor, HostileQuantizedTest::asIntegers));
            for (Consumer<Map<String, SafetensorsWriter.Tensor>> damage : damages) {
                SafetensorsWriter.rewrite(file, tensors -> {
                    tensors.clear();
                    tensors.putAll(whole);
                    damage.accept(tensors);
                });
                try {
                    Packing.find(model, WeightEncoding.STORED, directory.resolve("cache"));
                } catch (InvalidModelException e) {
                    assertThat(e.getMessage()).hasLineCount(1).contains("tensor ");
                    refused++;
                }
            }
        }
        assertThat(refused).isGreaterThan(2 * whole.size());
    }

    private static SafetensorsWriter.Tensor withoutAnOutput(SafetensorsWriter.Tensor tensor) {
        List<Integer> shape = new ArrayList<>(tensor.shape());
        shape.set(0, shape.getFirst() - 1);
        int count = shape.stream().reduce(1, Math::multiplyExact);
        return new SafetensorsWriter.Tensor(
                tensor.dtype(),
                shape,
                Arrays.copyOf(tensor.bytes(), count * tensor.dtype().bytes()));
    }

    private static SafetensorsWriter.Tensor asIntegers(SafetensorsWriter.Tensor tensor) {
        int count = tensor.shape().stream().reduce(1, Math::multiplyExact);
        NumberType other = tensor.dtype() == NumberType.I32 ? NumberType.F32 : NumberType.I32;
        return new SafetensorsWriter.Tensor(other, tensor.shape(), new byte[count * other.bytes()]);
    }

    private static void edit(
            Map<String, SafetensorsWriter.Tensor> tensors, String name, UnaryOperator<SafetensorsWriter.Tensor> edit) {
        tensors.put(name, edit.apply(Objects.requireNonNull(tensors.get(name), name)));
    }

    /// Overwrites 32 bits of a tensor.
    private static void number(Map<String, SafetensorsWriter.Tensor> tensors, String name, int index, int bits) {
        edit(tensors, name, tensor -> {
            byte[] bytes = tensor.bytes().clone();
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(index * Integer.BYTES, bits);
            return new SafetensorsWriter.Tensor(tensor.dtype(), tensor.shape(), bytes);
        });
    }

    private String refusal(String name, Consumer<Map<String, SafetensorsWriter.Tensor>> edit) {
        try {
            Path model = QuantizedGolden.copy(name, Files.createTempDirectory(directory, name))
                    .directory();
            SafetensorsWriter.rewrite(model.resolve(FILE), edit);
            return refusal(model);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The refusal to pack the model, which reads every weight.
    private String refusal(Path model) {
        return Refusal.messageOf(
                () -> Packing.intoCache(model, WeightEncoding.STORED, directory.resolve("cache"), new Unwatched()));
    }
}
