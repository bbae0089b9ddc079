package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.Checkpoint;
import org.sparkqwen.engine.checkpoint.CheckpointTensor;
import org.sparkqwen.engine.checkpoint.ColumnBalance;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.PackedFile;
import org.sparkqwen.engine.checkpoint.PackedLayout;
import org.sparkqwen.engine.checkpoint.PackedTensor;
import org.sparkqwen.engine.checkpoint.PackedTensor.Form;
import org.sparkqwen.engine.checkpoint.TensorNames;
import org.sparkqwen.engine.checkpoint.WeightFiles;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The tensors that a configuration calls for, by name and shape, as the model's family names them. It says how
/// they are packed, and how a checkpoint differs from them.
public final class TensorPlan {
    /// Endings of tensor names in the formats of GPTQ, AWQ, FP8, compressed-tensors, bitsandbytes and MLX.
    private static final List<String> QUANTIZED = List.of(
            ".qweight",
            ".qzeros",
            ".g_idx",
            ".weight_packed",
            ".weight_scale",
            ".weight_scale_inv",
            ".weight.absmax",
            ".weight.quant_map",
            ".SCB",
            ".scales");

    private static final String BIAS = ".bias";
    private static final int SHOWN_DIFFERENCES = 5;

    private final TensorNames names;
    private final PlannedTensor embedding;
    private final List<LayerTensors> layers;
    private final PlannedTensor finalNorm;
    private final PlannedTensor head;
    private final boolean tied;
    private final boolean headless;
    private final Set<String> routers;
    private final SequencedMap<String, PlannedTensor> tensors = new LinkedHashMap<>();

    private TensorPlan(ModelConfig config) {
        ModelFamily family = config.family();
        names = family.names();
        embedding = family.embedding(config);
        layers = IntStream.range(0, config.layers())
                .mapToObj(layer -> family.layer(config, layer))
                .toList();
        finalNorm = family.finalNorm(config);
        head = family.head(config);
        tied = config.tiedEmbeddings();
        headless = config.headless();
        routers = layers.stream()
                .flatMap(layer -> layer.router().stream())
                .map(PlannedTensor::name)
                .collect(Collectors.toSet());
        Stream.of(
                        Stream.of(embedding),
                        layers.stream().flatMap(LayerTensors::all),
                        Stream.of(finalNorm),
                        hasSeparateHead() ? Stream.of(head) : Stream.<PlannedTensor>empty())
                .flatMap(part -> part)
                .forEach(tensor -> tensors.put(tensor.name(), tensor));
    }

    public static TensorPlan of(ModelConfig config) {
        return new TensorPlan(config);
    }

    /// All tensors, in the order of the model.
    public List<PlannedTensor> tensors() {
        return List.copyOf(tensors.values());
    }

    PlannedTensor embedding() {
        return embedding;
    }

    List<LayerTensors> layers() {
        return layers;
    }

    PlannedTensor finalNorm() {
        return finalNorm;
    }

    /// The vocabulary head, which is the embedding if the two are tied.
    PlannedTensor head() {
        return tied ? embedding : head;
    }

    /// Whether the head is a tensor of its own: it is neither the embedding nor absent.
    boolean hasSeparateHead() {
        return !tied && !headless;
    }

    /// Whether the model has no head, so it can be used for embeddings alone.
    boolean isHeadless() {
        return headless;
    }

    /// The number of parameters that take part in a token: all but those of the experts that it does not go to.
    public static long activeParameters(ModelConfig config) {
        return of(config).parameters() - idleParameters(config);
    }

    private static long idleParameters(ModelConfig config) {
        return config.mixture()
                .map(mixture -> 3L
                        * config.hiddenSize()
                        * mixture.intermediateSize()
                        * (mixture.experts() - mixture.perToken())
                        * mixture.layers().size())
                .orElse(0L);
    }

    /// The arithmetic operations of a token's products with weights, the head's included; a multiply-add counts as
    /// two. Attention adds more, depending on the position. An embedding that no head shares is not multiplied
    /// with, because it is looked up.
    public static long flopsPerToken(ModelConfig config) {
        TensorPlan plan = of(config);
        long multiplied = plan.tensors.values().stream()
                .filter(tensor -> !tensor.isVector())
                .filter(tensor -> plan.tied || !tensor.equals(plan.embedding))
                .mapToLong(PlannedTensor::elements)
                .sum();
        return 2 * (multiplied - idleParameters(config));
    }

    public long parameters() {
        return tensors.values().stream().mapToLong(PlannedTensor::elements).sum();
    }

    /// The layout of the packed tensors. A head that shares the embedding's weights serves as embedding too, so
    /// that nothing is stored twice; a separate embedding lies in rows.
    ///
    /// @param formats the format of each matrix, by name; vectors become float32
    public PackedLayout layout(Function<String, WeightFormat> formats) {
        return layout(WeightEncoding.STORED, tensor -> form(tensor, formats.apply(tensor.name())));
    }

    /// The layout of the packed tensors of `checkpoint`, which has all the tensors, in an encoding. Matrices of
    /// layers keep the integers and scales that they have, where these fit the format that they get.
    public PackedLayout layout(Checkpoint checkpoint, WeightEncoding encoding) {
        return layout(encoding, tensor -> {
            CheckpointTensor source = checkpoint.find(tensor.name()).orElseThrow();
            WeightEncoding.Place place = place(tensor.name());
            Optional<IntegerLayout> kept = place == WeightEncoding.Place.LAYER && !tensor.isVector()
                    ? source.integers().filter(encoding::keeps)
                    : Optional.empty();
            return kept.map(Form::kept)
                    .orElseGet(() ->
                            form(tensor, encoding.format(place, source.dtype().format())));
        });
    }

    /// The layout of the packed tensors of a checkpoint in one number format, in an encoding.
    PackedLayout layout(DType dtype, WeightEncoding encoding) {
        return layout(encoding, tensor -> form(tensor, encoding.format(place(tensor.name()), dtype.format())));
    }

    /// Lays out the tensors. Where weights are rounded, channels are balanced between a norm and the matrices that
    /// read its output, unless one of them keeps the integers that it has.
    private PackedLayout layout(WeightEncoding encoding, Function<PlannedTensor, Form> forms) {
        PackedLayout.Builder layout = new PackedLayout.Builder();
        Set<String> kept = new HashSet<>();
        tensors.forEach((name, tensor) -> {
            Form form = forms.apply(tensor);
            layout.add(name, form, tensor.shape());
            if (form.kept()) {
                kept.add(name);
            }
        });
        if (encoding != WeightEncoding.STORED) {
            Stream<ColumnBalance> balances = layers.stream().flatMap(LayerTensors::balances);
            Stream<ColumnBalance> ofHead = hasSeparateHead()
                    ? Stream.of(new ColumnBalance(finalNorm.name(), List.of(head.name())))
                    : Stream.of();
            Stream.concat(balances, ofHead)
                    .filter(balance -> balance.matrices().stream().noneMatch(kept::contains))
                    .forEach(layout::add);
        }
        return layout.build();
    }

    private WeightEncoding.Place place(String name) {
        if (name.equals(embedding.name()) || name.equals(head.name())) {
            return WeightEncoding.Place.VOCABULARY;
        }
        return routers.contains(name) ? WeightEncoding.Place.ROUTER : WeightEncoding.Place.LAYER;
    }

    private Form form(PlannedTensor tensor, WeightFormat format) {
        if (tensor.isVector()) {
            return Form.VECTOR;
        }
        if (tensor.equals(embedding) && !tied) {
            return Form.rows(format);
        }
        return Form.panels(format);
    }

    /// Whether a packed tensor has the form of a planned one in its format.
    private boolean hasFormOf(PackedTensor packed, PlannedTensor planned) {
        Form expected = form(planned, packed.form().format());
        return packed.form().arrangement() == expected.arrangement()
                && packed.form().format().equals(expected.format());
    }

    /// @throws InvalidModelException naming the first few of the [#differences], if there are any
    public void refuseDifferences(WeightFiles weights) {
        List<String> differences = differences(weights);
        if (!differences.isEmpty()) {
            int more = differences.size() - SHOWN_DIFFERENCES;
            throw new InvalidModelException("%s: %s%s"
                    .formatted(
                            weights.model(),
                            differences.stream().limit(SHOWN_DIFFERENCES).collect(Collectors.joining("; ")),
                            more > 0 ? "; and %d more such".formatted(more) : ""));
        }
    }

    /// Whether the weights have a head, or should have one. Only the weights of a whole model, whose embedding is
    /// not packed as a head, can be without.
    boolean hasHead(WeightFiles weights) {
        WeightFiles.@Nullable Tensor itsEmbedding = null;
        for (WeightFiles.Tensor tensor : weights.tensors()) {
            if (tensor.name().equals(head.name())) {
                return true;
            }
            itsEmbedding = tensor.name().equals(embedding.name()) ? tensor : itsEmbedding;
        }
        boolean packedAsHead = itsEmbedding instanceof PackedTensor packed
                && packed.form().arrangement() == PackedTensor.Arrangement.PANELS;
        return itsEmbedding == null || packedAsHead;
    }

    /// Whether the weights have a head that differs from the embedding. To compare their numbers, this reads both.
    boolean hasOwnHead(WeightFiles weights) {
        return switch (weights) {
            case PackedFile packed -> packed.layout().find(head.name()).isPresent();
            case Checkpoint checkpoint -> {
                CheckpointTensor itsHead = checkpoint.find(head.name()).orElse(null);
                CheckpointTensor itsEmbedding =
                        checkpoint.find(embedding.name()).orElse(null);
                yield itsHead != null && itsEmbedding != null && !itsHead.equalsNumbersOf(itsEmbedding);
            }
        };
    }

    /// One line for each tensor that is missing, has another shape or form, or has no place in the model. If the
    /// names are those of something else, there is one line in all; if all tensors fit, there is none.
    public List<String> differences(WeightFiles weights) {
        Map<String, WeightFiles.Tensor> present =
                weights.tensors().stream().collect(Collectors.toMap(WeightFiles.Tensor::name, tensor -> tensor));
        String other = otherNames(present.keySet());
        if (other != null) {
            return List.of(other);
        }
        List<String> differences = new ArrayList<>();
        tensors.forEach((name, planned) -> {
            WeightFiles.Tensor tensor = present.get(name);
            if (tensor == null && planned.equals(head)) {
                differences.add("tensor %s is missing: models for embeddings have no head; where the embedding is the"
                                .formatted(name)
                        + " head, config.json says so by tie_word_embeddings true");
            } else if (tensor == null) {
                differences.add("tensor %s is missing".formatted(name));
            } else if (!tensor.shape().equals(planned.shape())) {
                differences.add("tensor %s has shape %s, the config needs %s"
                        .formatted(name, Quote.of(tensor.shape()), planned.shape()));
            } else if (tensor instanceof PackedTensor packed && !hasFormOf(packed, planned)) {
                differences.add("tensor %s is packed as %s, the config needs %s"
                        .formatted(
                                name, packed.form(), form(planned, packed.form().format())));
            }
        });
        for (WeightFiles.Tensor tensor : weights.tensors()) {
            if (!tensors.containsKey(tensor.name())
                    && !harmlessSurplus(tensor.name())
                    && !isBiasOfZeros(tensor, weights)) {
                differences.add("tensor %s has no place in the model".formatted(Quote.of(tensor.name())));
            }
        }
        return differences;
    }

    /// Describes names that are those of something else as a whole; null if they are not.
    private @Nullable String otherNames(Set<String> present) {
        SortedSet<String> ordered = new TreeSet<>(present);
        for (String name : ordered) {
            if (QUANTIZED.stream().anyMatch(name::endsWith)) {
                return ("the weights are quantized: there is a tensor %s, and config.json has no quantization_config"
                                + " that says how; take the checkpoint in BF16, F16 or F32, or one with that")
                        .formatted(Quote.of(name));
            }
            if (name.contains(".lora_A.") || name.contains(".lora_B.")) {
                return "the weights are those of an adapter: there is a tensor %s; give its base model, and it with --lora"
                        .formatted(Quote.of(name));
            }
        }
        if (present.isEmpty() || tensors.keySet().stream().anyMatch(present::contains)) {
            return null;
        }
        String bareEmbedding = names.withoutPrefix(embedding.name());
        for (String name : ordered) {
            if (name.endsWith(bareEmbedding)) {
                return "the names of tensors begin with %s where %s is read"
                        .formatted(
                                Quote.of(name.substring(0, name.length() - bareEmbedding.length())),
                                names.prefix().isEmpty() ? "nothing" : names.prefix() + " or nothing");
            }
        }
        return "none of the %,d tensors, such as %s, has a name that the model needs, such as %s"
                .formatted(present.size(), Quote.of(ordered.first()), embedding.name());
    }

    /// Whether a tensor is a copy of what the config gives already: a tied head, or the rotary frequencies.
    private boolean harmlessSurplus(String name) {
        return name.equals(head.name()) || name.endsWith(".rotary_emb.inv_freq");
    }

    /// Whether a tensor is a bias of zeros that a quantized layer has and the model does not. Some programs
    /// write one for every layer that they quantize.
    private boolean isBiasOfZeros(WeightFiles.Tensor tensor, WeightFiles weights) {
        if (!(weights instanceof Checkpoint checkpoint)
                || checkpoint.quantization().isEmpty()
                || !(tensor instanceof CheckpointTensor bias)
                || !tensor.name().endsWith(BIAS)) {
            return false;
        }
        String layer = tensor.name().substring(0, tensor.name().length() - BIAS.length());
        PlannedTensor weight = tensors.get(layer + ".weight");
        if (weight == null
                || weight.isVector()
                || !tensor.shape().equals(List.of(weight.shape().getFirst()))) {
            return false;
        }
        float[] numbers = new float[tensor.shape().getFirst()];
        bias.read(0, numbers);
        for (float number : numbers) {
            if (number != 0) {
                return false;
            }
        }
        return true;
    }
}
