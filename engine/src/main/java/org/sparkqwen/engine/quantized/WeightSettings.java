package org.sparkqwen.engine.quantized;

import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.modelfile.ConfigJson;

/// The settings of quantized weights in a group of compressed-tensors' `config_groups`.
///
/// @param bits of an integer, 4 or 8; 8 for floats
/// @param sharing the weights that share a scale
/// @param symmetric whether there need be no zero points
/// @param ordered whether groups need not be consecutive inputs, so that `weight_g_idx` must be there
record WeightSettings(Kind kind, int bits, Sharing sharing, boolean symmetric, boolean ordered) {
    private static final Set<String> KEYS = Set.of(
            // obeyed
            "actorder",
            "block_structure",
            "dynamic",
            "group_size",
            "num_bits",
            "strategy",
            "symmetric",
            "type",
            // said by the tensors
            "scale_dtype",
            "zp_dtype",
            // of how the weights were made
            "observer",
            "observer_kwargs");

    private static final String FORMATS = "pack-quantized, int-quantized and float-quantized are";

    /// The form of the numbers, as the format's name says.
    enum Kind {
        PACKED("int", "integers of"),
        INTEGERS("int", "integers of"),
        FLOATS("float", "floats of");

        private final String type;
        private final String title;

        Kind(String type, String title) {
            this.type = type;
            this.title = title;
        }
    }

    /// The weights that share a scale.
    sealed interface Sharing {
        /// All weights of a matrix.
        record Matrix() implements Sharing {}

        /// The weights of an output, in groups of inputs.
        ///
        /// @param size the inputs of a group; -1 for all
        record Output(int size) implements Sharing {}

        /// The weights of a block of outputs and inputs.
        record Blocks(Fp8.Block block) implements Sharing {}
    }

    /// @param withFormat the object that has the key `format`
    static WeightSettings read(ConfigJson weights, ConfigJson withFormat, List<String> warnings) {
        Settings.warnOfUnknown(weights, KEYS, warnings);
        Kind kind = switch (withFormat.text("format")) {
            case "pack-quantized" -> Kind.PACKED;
            case "int-quantized" -> Kind.INTEGERS;
            case "float-quantized" -> Kind.FLOATS;
            default -> throw withFormat.unsupported("format", FORMATS);
        };
        if (weights.has("type") && !weights.text("type").equals(kind.type)) {
            throw weights.unsupported("type", "%s is, with this format".formatted(kind.type));
        }
        int bits = weights.wholeNumber("num_bits", 1, Integer.SIZE);
        if (bits != 8 && (bits != 4 || kind != Kind.PACKED)) {
            throw weights.unsupported("num_bits", kind == Kind.PACKED ? "4 and 8 are" : "8 are, with this format");
        }
        if (Settings.isSet(weights, "dynamic")) {
            throw weights.unsupported("dynamic", "weights are quantized in the file: false");
        }
        boolean symmetric = weights.flag("symmetric", true);
        if (!symmetric && kind == Kind.FLOATS) {
            throw weights.unsupported("symmetric", "floats have no zero points: true");
        }
        return new WeightSettings(kind, bits, sharing(weights), symmetric, ordered(weights));
    }

    private static Sharing sharing(ConfigJson weights) {
        boolean grouped =
                weights.has("group_size") && weights.node().path("group_size").asInt() != -1;
        String strategy = weights.has("strategy") ? weights.text("strategy") : grouped ? "group" : "tensor";
        return switch (strategy) {
            case "tensor" -> new Sharing.Matrix();
            case "channel" -> new Sharing.Output(-1);
            case "group" -> new Sharing.Output(Settings.groupSize(weights));
            case "block" -> new Sharing.Blocks(Fp8.Block.read(weights, "block_structure"));
            default -> throw weights.unsupported("strategy", "tensor, channel, group and block are");
        };
    }

    /// Whether inputs were put into groups by their activations. The order of weights, which is the other one,
    /// leaves groups of consecutive inputs.
    private static boolean ordered(ConfigJson weights) {
        if (!weights.has("actorder") || weights.node().path("actorder").isBoolean()) {
            return weights.flag("actorder", false);
        }
        return switch (weights.text("actorder")) {
            case "group", "dynamic" -> true;
            case "weight", "static" -> false;
            default -> throw weights.unsupported("actorder", "group and weight are");
        };
    }

    String title() {
        String sharers = switch (sharing) {
            case Sharing.Matrix() -> "one scale a weight";
            case Sharing.Output(int size) -> size == -1 ? "one scale an output" : Settings.title(size);
            case Sharing.Blocks(Fp8.Block block) -> block.title();
        };
        return kind.title + " " + bits + " bits, " + sharers;
    }

    /// The shapes that the tensor of the scales may have.
    List<List<Integer>> scaleShapes(Codes codes) {
        int groups = groups(codes).count();
        return switch (sharing) {
            case Sharing.Matrix() -> List.of(List.of(), List.of(1), List.of(1, 1));
            case Sharing.Output _ ->
                groups == 1
                        ? List.of(List.of(codes.outputs(), 1), List.of(codes.outputs()))
                        : List.of(List.of(codes.outputs(), groups));
            case Sharing.Blocks(Fp8.Block block) ->
                List.of(List.of(Math.ceilDiv(codes.outputs(), block.outputs()), groups));
        };
    }

    Groups groups(Codes codes) {
        return switch (sharing) {
            case Sharing.Matrix() -> Groups.one(codes);
            case Sharing.Output(int size) -> size == -1 ? Groups.one(codes) : Groups.runs(codes.inputs(), size);
            case Sharing.Blocks(Fp8.Block block) -> Groups.runs(codes.inputs(), block.inputs());
        };
    }

    /// The numbers of a tensor in one of the [#scaleShapes].
    Grid grid(StoredTensor tensor, Codes codes) {
        int groups = groups(codes).count();
        return switch (sharing) {
            case Sharing.Matrix() -> new Grid.Plain(tensor, codes.outputs(), 0, 0);
            case Sharing.Output _ -> new Grid.Plain(tensor, 1, groups, 1);
            case Sharing.Blocks(Fp8.Block block) -> new Grid.Plain(tensor, block.outputs(), groups, 1);
        };
    }
}
