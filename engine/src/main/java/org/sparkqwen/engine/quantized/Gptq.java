package org.sparkqwen.engine.quantized;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// GPTQ, as AutoGPTQ and GPTQModel write it: unsigned integers with a scale and a zero point for each output and group
/// of inputs. See <https://arxiv.org/abs/2210.17323>.
///
/// | tensor | type and shape | |
/// |---|---|---|
/// | `qweight` | I32 `[inputs / n, outputs]` | n integers in a word, see [PackedColumns] |
/// | `qzeros` | I32 `[groups, outputs / n]` | zero points, see [Grid.GptqZeros] |
/// | `scales` | F16 or BF16 `[groups, outputs]` | |
/// | `g_idx` | I32 `[inputs]`, may be absent | the group of each input |
///
/// @param bits of an integer, 4 or 8
/// @param groupSize the inputs of a group; -1 for all
/// @param addedToZeros 1 in the format `gptq`, whose zero points are stored less one, and 0 in `gptq_v2`
/// @param ordered whether groups need not be consecutive inputs, so that `g_idx` must be there
record Gptq(int bits, int groupSize, int addedToZeros, boolean ordered) implements Scheme {
    private static final String CODES = ".qweight";
    private static final String SCALES = ".scales";
    private static final String ZEROS = ".qzeros";
    private static final String GROUPS = ".g_idx";

    private static final Set<String> KEYS = Set.of(
            // obeyed
            "bits",
            "checkpoint_format",
            "desc_act",
            "dynamic",
            "format",
            "group_size",
            "is_marlin_format",
            "pack_dtype",
            "quant_method",
            // said by the tensors
            "lm_head",
            "modules_in_block_to_quantize",
            "modules_to_not_convert",
            "sym",
            // of how the weights were made, and of other programs
            "backend",
            "batch_size",
            "block_name_to_quantize",
            "cache_block_outputs",
            "damp_auto_increment",
            "damp_percent",
            "dataset",
            "disable_exllama",
            "exllama_config",
            "hyb_act",
            "max_input_length",
            "meta",
            "model_file_base_name",
            "model_name_or_path",
            "model_seqlen",
            "module_name_preceding_first_block",
            "mse",
            "pad_token_id",
            "parallel_packing",
            "static_groups",
            "tokenizer",
            "true_sequential",
            "use_cuda_fp16",
            "use_exllama");

    static Gptq read(ConfigJson config, List<String> warnings) {
        Settings.warnOfUnknown(config, KEYS, warnings);
        int bits = config.wholeNumber("bits", 1, Integer.SIZE);
        if (bits != 4 && bits != 8) {
            throw config.unsupported("bits", "4 and 8 are");
        }
        if (Settings.isSet(config, "is_marlin_format")) {
            throw config.unsupported("is_marlin_format", "the formats gptq and gptq_v2 are");
        }
        if (config.has("pack_dtype") && !config.text("pack_dtype").equals("int32")) {
            throw config.unsupported("pack_dtype", "int32 is");
        }
        refuseOverrides(config);
        return new Gptq(bits, Settings.groupSize(config), addedToZeros(config), config.flag("desc_act", false));
    }

    private static int addedToZeros(ConfigJson config) {
        String key = config.has("checkpoint_format") ? "checkpoint_format" : "format";
        if (!config.has(key)) {
            return 1;
        }
        return switch (config.text(key).toLowerCase(Locale.ROOT)) {
            case "gptq" -> 1;
            case "gptq_v2" -> 0;
            default -> throw config.unsupported(key, "gptq and gptq_v2 are");
        };
    }

    /// Refuses settings of single layers. Layers that are left out, whose patterns begin with `-:`, show it by
    /// their tensors.
    private static void refuseOverrides(ConfigJson config) {
        if (Settings.isSet(config, "dynamic")
                && config.object("dynamic").node().properties().stream()
                        .anyMatch(layer -> !layer.getKey().startsWith("-:")
                                && !layer.getValue().isEmpty())) {
            throw config.unsupported("dynamic", "the same settings for all quantized layers are");
        }
    }

    @Override
    public String title() {
        String name = addedToZeros == 0 ? "GPTQ v2, " : "GPTQ, ";
        return name + bits + " bits, " + Settings.title(groupSize);
    }

    @Override
    public Set<NumberType> types() {
        return Set.of(NumberType.BF16, NumberType.F16, NumberType.F32, NumberType.I32);
    }

    @Override
    public Set<String> endings() {
        return Set.of(CODES, SCALES, ZEROS, GROUPS);
    }

    @Override
    public Optional<String> endingOfCodes(StoredTensor tensor) {
        return tensor.name().endsWith(CODES) ? Optional.of(CODES) : Optional.empty();
    }

    @Override
    public QuantizedMatrix matrix(Parts parts) {
        int inWord = Integer.SIZE / bits;
        StoredTensor words = parts.codes().requireType(Set.of(NumberType.I32)).requireDimensions(2);
        words.requireWidths(inWord, 1);
        PackedColumns codes = new PackedColumns(words, bits);
        if (codes.outputs() % inWord != 0) {
            throw words.fault(
                    "has %,d outputs, of which %d share a word of zero points".formatted(codes.outputs(), inWord));
        }
        Groups groups = Groups.runs(codes.inputs(), groupSize == -1 ? codes.inputs() : groupSize);
        String why = "%d bits, %,d outputs and %,d inputs in %s"
                .formatted(bits, codes.outputs(), codes.inputs(), Settings.title(groupSize));
        StoredTensor scales =
                parts.required(SCALES).requireType(NumberType.PLAIN).requireShape(why, groups.count(), codes.outputs());
        StoredTensor zeros = parts.required(ZEROS)
                .requireType(Set.of(NumberType.I32))
                .requireShape(why, groups.count(), codes.outputs() / inWord);
        return new QuantizedMatrix(
                parts.weight(),
                codes,
                groups.named(ordered ? Optional.of(parts.required(GROUPS)) : parts.optional(GROUPS)),
                Grid.Plain.columns(scales),
                new Grid.GptqZeros(zeros, bits, addedToZeros));
    }
}
