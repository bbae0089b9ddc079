package org.sparkqwen.engine.quantized;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// AWQ in the version `gemm`, as AutoAWQ writes it: integers of 4 bits with a scale and a zero point for each output
/// and group of inputs. See <https://arxiv.org/abs/2306.00978>.
///
/// | tensor | type and shape | |
/// |---|---|---|
/// | `qweight` | I32 `[inputs, outputs / 8]` | see [AwqCodes] |
/// | `qzeros` | I32 `[groups, outputs / 8]` | zero points, in the same order |
/// | `scales` | F16 or BF16 `[groups, outputs]` | |
///
/// @param groupSize the inputs of a group; -1 for all
record Awq(int groupSize) implements Scheme {
    private static final String CODES = ".qweight";
    private static final String SCALES = ".scales";
    private static final String ZEROS = ".qzeros";

    private static final Set<String> KEYS = Set.of(
            // obeyed
            "backend",
            "bits",
            "group_size",
            "quant_method",
            "version",
            "zero_point",
            // said by the tensors
            "modules_to_not_convert",
            // of other programs
            "do_fuse",
            "exllama_config",
            "fuse_max_seq_len",
            "modules_to_fuse");

    static Awq read(ConfigJson config, List<String> warnings) {
        Settings.warnOfUnknown(config, KEYS, warnings);
        if (config.wholeNumber("bits", 1, Integer.SIZE) != AwqCodes.BITS) {
            throw config.unsupported("bits", "4 are");
        }
        if (config.has("version")
                && !config.text("version").toLowerCase(Locale.ROOT).equals("gemm")) {
            throw config.unsupported("version", "gemm is");
        }
        if (config.has("backend")
                && config.text("backend").toLowerCase(Locale.ROOT).equals("llm-awq")) {
            throw config.unsupported("backend", "the order of autoawq is");
        }
        if (!config.flag("zero_point", true)) {
            throw config.unsupported("zero_point", "true is");
        }
        return new Awq(Settings.groupSize(config));
    }

    @Override
    public String title() {
        return "AWQ, 4 bits, " + Settings.title(groupSize);
    }

    @Override
    public Set<NumberType> types() {
        return Set.of(NumberType.BF16, NumberType.F16, NumberType.F32, NumberType.I32);
    }

    @Override
    public Set<String> endings() {
        return Set.of(CODES, SCALES, ZEROS);
    }

    @Override
    public Optional<String> endingOfCodes(StoredTensor tensor) {
        return tensor.name().endsWith(CODES) ? Optional.of(CODES) : Optional.empty();
    }

    @Override
    public QuantizedMatrix matrix(Parts parts) {
        StoredTensor words = parts.codes().requireType(Set.of(NumberType.I32)).requireDimensions(2);
        words.requireWidths(1, AwqCodes.IN_WORD);
        AwqCodes codes = new AwqCodes(words);
        Groups groups = Groups.runs(codes.inputs(), groupSize == -1 ? codes.inputs() : groupSize);
        String why = "%,d outputs and %,d inputs in %s"
                .formatted(codes.outputs(), codes.inputs(), Settings.title(groupSize));
        StoredTensor scales =
                parts.required(SCALES).requireType(NumberType.PLAIN).requireShape(why, groups.count(), codes.outputs());
        StoredTensor zeros = parts.required(ZEROS)
                .requireType(Set.of(NumberType.I32))
                .requireShape(why, groups.count(), codes.outputs() / AwqCodes.IN_WORD);
        return new QuantizedMatrix(parts.weight(), codes, groups, Grid.Plain.columns(scales), new Grid.AwqZeros(zeros));
    }
}
