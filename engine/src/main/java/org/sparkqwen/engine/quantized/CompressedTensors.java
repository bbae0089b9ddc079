package org.sparkqwen.engine.quantized;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// The format of compressed-tensors, as LLM Compressor writes it, for integers of 4 and 8 bits and for floats of 8
/// bits. See <https://github.com/vllm-project/compressed-tensors>.
///
/// | tensor | type and shape | |
/// |---|---|---|
/// | `weight_packed` | I32 `[outputs, inputs / n]`, rounded up | n integers in a word, see [PackedRows] |
/// | `weight_shape` | I64 or I32 `[2]` | outputs and inputs of `weight_packed` |
/// | `weight` | I8 or F8_E4M3 `[outputs, inputs]` | `int-quantized` and `float-quantized` |
/// | `weight_scale` | a float | `[1]`, `[outputs, 1]`, `[outputs, groups]` or a number for each block |
/// | `weight_zero_point` | I8, or I32 as [Grid.PackedZeros] say, may be absent | |
/// | `weight_g_idx` | I32 `[inputs]`, may be absent | the group of each input |
///
/// A model's layers may differ in their settings, which then are several groups of config.json. Which of them a weight
/// has is seen from its tensors, and not from the patterns of names there.
///
/// @param settings the different settings, one or more
record CompressedTensors(List<WeightSettings> settings) implements Scheme {
    private static final String PACKED = ".weight_packed";
    private static final String WEIGHT = ".weight";
    private static final String SHAPE = ".weight_shape";
    private static final String SCALE = ".weight_scale";
    private static final String ZEROS = ".weight_zero_point";
    private static final String GROUPS = ".weight_g_idx";

    private static final Set<String> KEYS = Set.of(
            // obeyed
            "config_groups",
            "format",
            "quant_method",
            "quantization_status",
            "sparsity_config",
            "transform_config",
            // gives a warning
            "kv_cache_scheme",
            // said by the tensors
            "ignore",
            // of how the weights were made
            "global_compression_ratio",
            "provider",
            "version");

    private static final Set<String> KEYS_OF_A_GROUP =
            Set.of("format", "input_activations", "output_activations", "targets", "weights");

    CompressedTensors {
        settings = List.copyOf(settings);
    }

    static CompressedTensors read(ConfigJson config, List<String> warnings) {
        Settings.warnOfUnknown(config, KEYS, warnings);
        if (config.has("quantization_status")
                && !config.text("quantization_status").equals("compressed")) {
            throw config.unsupported("quantization_status", "compressed is");
        }
        if (Settings.isSet(config, "sparsity_config")
                && !config.object("sparsity_config")
                        .node()
                        .path("format")
                        .asText("dense")
                        .equals("dense")) {
            throw config.unsupported("sparsity_config", "the format dense is");
        }
        if (Settings.isSet(config, "transform_config")) {
            throw config.unsupported("transform_config", "weights that are not transformed are");
        }
        Set<WeightSettings> settings = new LinkedHashSet<>();
        ConfigJson groups = config.object("config_groups");
        boolean activations = false;
        for (String name : groups.keys()) {
            ConfigJson group = groups.object(name);
            Settings.warnOfUnknown(group, KEYS_OF_A_GROUP, warnings);
            activations |= Settings.isSet(group, "input_activations") || Settings.isSet(group, "output_activations");
            if (group.has("weights")) {
                settings.add(
                        WeightSettings.read(group.object("weights"), group.has("format") ? group : config, warnings));
            }
        }
        if (settings.isEmpty()) {
            throw config.wrong("config_groups", "groups with weights");
        }
        if (activations) {
            warnings.add(Settings.ACTIVATIONS);
        }
        if (Settings.isSet(config, "kv_cache_scheme")) {
            warnings.add("config.json: quantization_config asks for a quantized KV cache; it stays as --kv says here");
        }
        return new CompressedTensors(List.copyOf(settings));
    }

    @Override
    public String title() {
        return "compressed-tensors, "
                + settings.stream().map(WeightSettings::title).collect(Collectors.joining("; "));
    }

    @Override
    public Set<NumberType> types() {
        return Set.of(NumberType.values());
    }

    @Override
    public Set<String> endings() {
        return Set.of(PACKED, SHAPE, SCALE, ZEROS, GROUPS);
    }

    @Override
    public Set<String> unread() {
        return Set.of(
                ".input_scale",
                ".input_zero_point",
                ".output_scale",
                ".output_zero_point",
                ".k_scale",
                ".k_zero_point",
                ".q_scale",
                ".v_scale",
                ".v_zero_point");
    }

    @Override
    public Optional<String> endingOfCodes(StoredTensor tensor) {
        if (tensor.name().endsWith(PACKED)) {
            return Optional.of(PACKED);
        }
        return PlainCodes.TYPES.contains(tensor.type()) && tensor.name().endsWith(WEIGHT)
                ? Optional.of(WEIGHT)
                : Optional.empty();
    }

    @Override
    public QuantizedMatrix matrix(Parts parts) {
        boolean packed = parts.codes().name().endsWith(PACKED);
        StoredTensor scale = parts.required(SCALE).requireType(NumberType.PLAIN);
        List<Codes> candidates = new ArrayList<>();
        List<WeightSettings> fitting = new ArrayList<>();
        for (WeightSettings each : settings) {
            Optional<Codes> codes = packed ? packedCodes(each, parts) : plainCodes(each, parts);
            if (codes.isPresent() && each.scaleShapes(codes.get()).contains(scale.shape())) {
                candidates.add(codes.get());
                fitting.add(each);
            }
        }
        if (fitting.size() != 1) {
            throw parts.codes()
                    .fault("of shape %s with %s of shape %s fits %s of config.json's config_groups: %s"
                            .formatted(
                                    parts.codes().shape(),
                                    Quote.of(scale.name()),
                                    scale.shape(),
                                    fitting.isEmpty() ? "none" : "several",
                                    title()));
        }
        return matrix(parts, fitting.getFirst(), candidates.getFirst(), scale);
    }

    private static QuantizedMatrix matrix(Parts parts, WeightSettings settings, Codes codes, StoredTensor scale) {
        Groups groups = settings.groups(codes);
        Optional<StoredTensor> zeros =
                settings.symmetric() ? parts.optional(ZEROS) : Optional.of(parts.required(ZEROS));
        return new QuantizedMatrix(
                parts.weight(),
                codes,
                groups.named(settings.ordered() ? Optional.of(parts.required(GROUPS)) : parts.optional(GROUPS)),
                settings.grid(scale, codes),
                zeros.map(tensor -> zeros(tensor, settings, codes, scale)).orElse(null));
    }

    /// The zero points, which lie in the shape of the scales, or packed along the outputs.
    private static Grid zeros(StoredTensor zeros, WeightSettings settings, Codes codes, StoredTensor scale) {
        if (zeros.type() != NumberType.I32) {
            zeros.requireType(Set.of(NumberType.I8, NumberType.I32))
                    .requireShape("its scales", scale.shape().toArray(Integer[]::new));
            return settings.grid(zeros, codes);
        }
        int inWord = Integer.SIZE / settings.bits();
        zeros.requireShape(
                "%d bits, %,d outputs and the shape %s of its scales"
                        .formatted(settings.bits(), codes.outputs(), scale.shape()),
                Math.ceilDiv(codes.outputs(), inWord),
                settings.groups(codes).count());
        return new Grid.PackedZeros(zeros, settings.bits());
    }

    /// The codes in `weight_packed`, if `settings` are of such and have as many bits.
    private static Optional<Codes> packedCodes(WeightSettings settings, Parts parts) {
        StoredTensor words = parts.codes().requireType(Set.of(NumberType.I32)).requireDimensions(2);
        StoredTensor shape = parts.required(SHAPE)
                .requireType(Set.of(NumberType.I32, NumberType.I64))
                .requireShape("two dimensions", 2);
        long inputs = shape.integer(1);
        int inWord = Integer.SIZE / settings.bits();
        if (shape.integer(0) != words.shape().getFirst() || inputs < 1 || inputs > Settings.MAX_WIDTH) {
            throw shape.fault("says [%d, %d], and %s has shape %s"
                    .formatted(shape.integer(0), inputs, Quote.of(words.name()), words.shape()));
        }
        return settings.kind() == WeightSettings.Kind.PACKED
                        && Math.ceilDiv((int) inputs, inWord) == words.shape().getLast()
                ? Optional.of(new PackedRows(words, (int) inputs, settings.bits()))
                : Optional.empty();
    }

    /// The codes in `weight`, if `settings` are of such.
    private static Optional<Codes> plainCodes(WeightSettings settings, Parts parts) {
        NumberType type = parts.codes().type();
        boolean fits = switch (settings.kind()) {
            case PACKED -> false;
            case INTEGERS -> type == NumberType.I8;
            case FLOATS -> type == NumberType.F8_E4M3;
        };
        return fits ? Optional.of(new PlainCodes(parts.codes())) : Optional.empty();
    }
}
