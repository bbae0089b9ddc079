package org.sparkqwen.engine.quantized;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// FP8 as in the published Qwen3-FP8 models: floats of 8 bits with a scale for each block of a weight, or one scale.
///
/// | tensor | type and shape | |
/// |---|---|---|
/// | `weight` | F8_E4M3 `[outputs, inputs]` | see [Float8] |
/// | `weight_scale_inv` | a float `[outputs / block, inputs / block]`, rounded up | a factor, despite its name |
/// | `weight_scale` | a float `[]` or `[1]` | the factor of a weight without blocks |
///
/// @param block the size of a block; null for one scale a weight
record Fp8(@Nullable Block block) implements Scheme {
    private static final String CODES = ".weight";
    private static final String INVERSE = ".weight_scale_inv";
    private static final String SCALE = ".weight_scale";

    private static final Set<String> KEYS = Set.of(
            // obeyed
            "fmt",
            "quant_method",
            "weight_block_size",
            // gives a warning
            "activation_scheme",
            // said by the tensors
            "ignored_layers",
            "modules_to_not_convert",
            // of how the weights were made, and of other programs
            "dequantize",
            "is_checkpoint_fp8_serialized",
            "scale_fmt");

    static Fp8 read(ConfigJson config, List<String> warnings) {
        Settings.warnOfUnknown(config, KEYS, warnings);
        if (config.has("fmt") && !Set.of("e4m3", "float8_e4m3fn").contains(config.text("fmt"))) {
            throw config.unsupported("fmt", "e4m3 is");
        }
        if (config.has("activation_scheme")) {
            warnings.add(Settings.ACTIVATIONS);
        }
        return new Fp8(config.has("weight_block_size") ? Block.read(config, "weight_block_size") : null);
    }

    /// The size of a block in outputs and inputs.
    record Block(int outputs, int inputs) {
        static Block read(ConfigJson config, String key) {
            JsonNode sizes = config.node().path(key);
            List<Integer> numbers = sizes.isArray() ? config.wholeNumbers(key) : List.of();
            if (numbers.size() != 2 || numbers.stream().anyMatch(size -> size < 1 || size > Settings.MAX_WIDTH)) {
                throw config.wrong(key, "two whole numbers from 1 on");
            }
            return new Block(numbers.getFirst(), numbers.getLast());
        }

        String title() {
            return "blocks of " + outputs + " x " + inputs;
        }
    }

    @Override
    public String title() {
        return "FP8, " + (block == null ? "one scale a weight" : block.title());
    }

    @Override
    public Set<NumberType> types() {
        return Set.of(NumberType.BF16, NumberType.F16, NumberType.F32, NumberType.F8_E4M3);
    }

    @Override
    public Set<String> endings() {
        return Set.of(INVERSE, SCALE);
    }

    @Override
    public Set<String> unread() {
        return Set.of(".input_scale", ".k_scale", ".v_scale");
    }

    @Override
    public Optional<String> endingOfCodes(StoredTensor tensor) {
        return tensor.type() == NumberType.F8_E4M3 && tensor.name().endsWith(CODES)
                ? Optional.of(CODES)
                : Optional.empty();
    }

    @Override
    public QuantizedMatrix matrix(Parts parts) {
        PlainCodes codes = new PlainCodes(parts.codes());
        if (block == null) {
            StoredTensor scale = parts.optional(SCALE)
                    .orElseGet(() -> parts.required(INVERSE))
                    .requireType(NumberType.PLAIN);
            return new QuantizedMatrix(parts.weight(), codes, Groups.one(codes), Grid.Plain.single(scale), null);
        }
        Groups groups = Groups.runs(codes.inputs(), block.inputs());
        StoredTensor scales = parts.required(INVERSE)
                .requireType(NumberType.PLAIN)
                .requireShape(
                        "%,d outputs and %,d inputs in %s".formatted(codes.outputs(), codes.inputs(), block.title()),
                        Math.ceilDiv(codes.outputs(), block.outputs()),
                        groups.count());
        return new QuantizedMatrix(parts.weight(), codes, groups, Grid.Plain.rows(scales, block.outputs()), null);
    }
}
