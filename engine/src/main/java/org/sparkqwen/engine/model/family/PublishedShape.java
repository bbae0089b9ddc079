package org.sparkqwen.engine.model.family;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.model.GenerationDefaults;
import org.sparkqwen.engine.model.MixtureShape;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.Rope;

/// The sizes of the published Qwen3 models, for measuring without their weights.
public enum PublishedShape {
    B0_6("0.6b", 1024, 28, 16, 8, 3072, 0, true),
    B1_7("1.7b", 2048, 28, 16, 8, 6144, 0, true),
    B4("4b", 2560, 36, 32, 8, 9728, 0, true),
    B8("8b", 4096, 36, 32, 8, 12288, 0, false),
    B14("14b", 5120, 40, 40, 8, 17408, 0, false),
    B32("32b", 5120, 64, 64, 8, 25600, 0, false),
    B30_A3("30b-a3b", 2048, 48, 32, 4, 6144, 768, false),
    B235_A22("235b-a22b", 4096, 94, 64, 4, 12288, 1536, false);

    private static final int VOCABULARY = 151_936;
    private static final int HEAD_DIM = 128;
    private static final int EXPERTS = 128;
    private static final int EXPERTS_PER_TOKEN = 8;
    private static final int CONTEXT = 32_768;
    private static final float EPSILON = 1e-6f;
    private static final double THETA = 1e6;

    private final String label;
    private final int hidden;
    private final int layers;
    private final int heads;
    private final int keyValueHeads;
    private final int intermediate;
    private final int expertIntermediate; // 0 for a dense model
    private final boolean tied;

    PublishedShape(
            String label,
            int hidden,
            int layers,
            int heads,
            int keyValueHeads,
            int intermediate,
            int expertIntermediate,
            boolean tied) {
        this.label = label;
        this.hidden = hidden;
        this.layers = layers;
        this.heads = heads;
        this.keyValueHeads = keyValueHeads;
        this.intermediate = intermediate;
        this.expertIntermediate = expertIntermediate;
        this.tied = tied;
    }

    /// The size in the model's name: `0.6b`.
    public String label() {
        return label;
    }

    public int layers() {
        return layers;
    }

    /// The shape whose label is `label`, in upper or lower case.
    ///
    /// @throws IllegalArgumentException if there is none
    public static PublishedShape of(String label) {
        return Arrays.stream(values())
                .filter(shape -> shape.label.equalsIgnoreCase(label))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no published shape %s; there are %s"
                        .formatted(
                                label,
                                Arrays.stream(values())
                                        .map(PublishedShape::label)
                                        .collect(Collectors.joining(", ")))));
    }

    /// The configuration with the first `layers` of the model's layers. It has no end-of-text id, because a text of
    /// random weights would end by chance.
    ///
    /// @throws IllegalArgumentException if the model has fewer layers
    public ModelConfig config(int layers) {
        if (layers < 1 || layers > this.layers) {
            throw new IllegalArgumentException(
                    "layers must be from 1 to the %d of %s, not %d".formatted(this.layers, label, layers));
        }
        boolean dense = expertIntermediate == 0;
        return new ModelConfig(
                dense ? new Qwen3() : new Qwen3Moe(),
                VOCABULARY,
                hidden,
                intermediate,
                dense ? Optional.empty() : Optional.of(mixture(layers)),
                layers,
                new AttentionShape(heads, keyValueHeads, HEAD_DIM),
                EPSILON,
                new Rope.Plain(THETA),
                CONTEXT,
                tied,
                false,
                List.of(),
                OptionalInt.empty(),
                OptionalInt.empty(),
                GenerationDefaults.NONE,
                List.of());
    }

    /// The experts, which all layers have.
    private MixtureShape mixture(int layers) {
        Set<Integer> all = IntStream.range(0, layers).boxed().collect(Collectors.toSet());
        return new MixtureShape(EXPERTS, EXPERTS_PER_TOKEN, expertIntermediate, true, all);
    }
}
