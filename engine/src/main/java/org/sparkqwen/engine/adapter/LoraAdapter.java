package org.sparkqwen.engine.adapter;

import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.quantized.NumberType;
import org.sparkqwen.engine.quantized.StoredTensor;

/// A LoRA adapter in PEFT's format: its settings, and the matrices A and B of each module that it changes.
///
/// Its files are untrusted. Every tensor must be A or B of a module of the base model that the settings name, each
/// module that they name must have both, and their shapes must fit.
public final class LoraAdapter {
    /// What PEFT writes before the names of the base model's modules.
    private static final String PREFIX = "base_model.model.";

    private static final String A = ".lora_A.weight";
    private static final String B = ".lora_B.weight";
    private static final String WEIGHT = ".weight";

    private final Path weights;
    private final LoraConfig config;
    private final Map<String, Pair> pairs = new TreeMap<>(); // by the module's name in the file

    /// The matrices of a module; null for one that is missing.
    private record Pair(@Nullable StoredTensor a, @Nullable StoredTensor b) {}

    private LoraAdapter(Path weights, LoraConfig config) {
        this.weights = weights;
        this.config = config;
    }

    /// Reads an adapter.
    ///
    /// @param settings the file `adapter_config.json`
    /// @param weights the file of `tensors`, for messages
    /// @throws InvalidModelException if the settings ask for more than this engine merges, or if a tensor is not
    ///     part of LoRA
    public static LoraAdapter of(Path settings, Path weights, Collection<StoredTensor> tensors) {
        LoraAdapter adapter = new LoraAdapter(weights, LoraConfig.read(settings));
        tensors.forEach(adapter::add);
        if (adapter.pairs.isEmpty()) {
            throw adapter.fault("has no tensors");
        }
        return adapter;
    }

    private void add(StoredTensor tensor) {
        String name = tensor.name();
        if (!NumberType.PLAIN.contains(tensor.type())) {
            throw fault(
                    "tensor %s has dtype %s; BF16, F16 and F32 are supported".formatted(Quote.of(name), tensor.type()));
        }
        if (!name.startsWith(PREFIX) || !(name.endsWith(A) || name.endsWith(B))) {
            throw fault("tensor %s is neither A nor B of a matrix of the base model; such adapters are not merged"
                    .formatted(Quote.of(name)));
        }
        boolean isA = name.endsWith(A);
        String module = name.substring(PREFIX.length(), name.length() - (isA ? A : B).length());
        pairs.merge(
                module,
                new Pair(isA ? tensor : null, isA ? null : tensor),
                (one, other) -> new Pair(one.a() == null ? other.a() : one.a(), one.b() == null ? other.b() : one.b()));
    }

    /// The number of modules that the adapter changes.
    public int modules() {
        return pairs.size();
    }

    /// The settings for a person, such as `rank 16, alpha 32, target modules "q_proj", "v_proj"`.
    public String title() {
        return "rank %,d, alpha %s%s, target modules %s"
                .formatted(
                        config.rank(),
                        config.alpha() == Math.rint(config.alpha())
                                ? "%,.0f".formatted(config.alpha())
                                : String.valueOf(config.alpha()),
                        config.rankStabilized() ? ", rank-stabilized" : "",
                        config.targets());
    }

    /// The number of parameters in A and B.
    public long parameters() {
        return pairs.values().stream()
                .flatMap(pair -> Stream.of(pair.a(), pair.b()))
                .mapToLong(tensor -> tensor == null
                        ? 0
                        : tensor.shape().stream().mapToLong(Integer::longValue).reduce(1, (x, y) -> x * y))
                .sum();
    }

    /// What the adapter adds to each matrix of the base model, by the matrix's name.
    ///
    /// @param matrices the shapes of the matrices of layers, `[outputs, inputs]`, by name
    /// @param prefix the start of the matrices' names, which an adapter of the bare model leaves out
    /// @throws InvalidModelException if a module is none of these, a matrix is missing or has another shape
    public Map<String, LoraUpdate> updates(Map<String, List<Integer>> matrices, String prefix) {
        String left = pairs.keySet().stream().anyMatch(module -> module.startsWith(prefix)) ? "" : prefix;
        boolean experts = pairs.keySet().stream().anyMatch(LoraAdapter::isOfMixture);
        Map<String, LoraUpdate> updates = new LinkedHashMap<>();
        pairs.forEach((module, pair) -> {
            List<Integer> shape = matrices.get(left + module + WEIGHT);
            if (shape == null) {
                throw fault(
                        module.endsWith("lm_head") || module.endsWith("embed_tokens")
                                ? "changes %s; the embedding and the head of a model stay as they are"
                                        .formatted(Quote.of(module))
                                : "changes %s, which the base model does not have; is it another model's adapter?"
                                        .formatted(Quote.of(module)));
            }
            if (!isTarget(module)) {
                throw fault("has tensors of %s, which target_modules of its settings does not name"
                        .formatted(Quote.of(module)));
            }
            updates.put(left + module + WEIGHT, update(module, pair, shape));
        });
        for (String name : matrices.keySet()) {
            String module = name.substring(left.length(), name.length() - WEIGHT.length());
            // Some versions of transformers have no modules for experts and their routers.
            boolean mayBeMissing = isOfMixture(module) && !experts;
            if (!updates.containsKey(name) && !mayBeMissing && isTarget(module)) {
                throw fault(
                        "has no tensors of %s, which target_modules of its settings names".formatted(Quote.of(module)));
            }
        }
        return updates;
    }

    private boolean isTarget(String module) {
        try {
            return config.targets().contains(module);
        } catch (IllegalArgumentException e) {
            throw fault("target_modules is " + e.getMessage());
        }
    }

    private LoraUpdate update(String module, Pair pair, List<Integer> shape) {
        StoredTensor a = pair.a();
        StoredTensor b = pair.b();
        if (a == null || b == null) {
            throw fault("has only %s of %s".formatted(a == null ? "B" : "A", Quote.of(module)));
        }
        int rank = rank(module);
        requireShape(a, List.of(rank, shape.getLast()));
        requireShape(b, List.of(shape.getFirst(), rank));
        return new LoraUpdate(a, b, config.scale(module));
    }

    private int rank(String module) {
        try {
            return config.rank(module);
        } catch (IllegalArgumentException e) {
            throw fault("rank_pattern has " + e.getMessage());
        }
    }

    private void requireShape(StoredTensor tensor, List<Integer> expected) {
        if (!tensor.shape().equals(expected)) {
            throw fault("tensor %s has shape %s; the base model and the rank need %s"
                    .formatted(Quote.of(tensor.name()), Quote.of(tensor.shape()), expected));
        }
    }

    private static boolean isOfMixture(String module) {
        return module.contains(".mlp.experts.") || module.endsWith(".mlp.gate");
    }

    private InvalidModelException fault(String what) {
        return new InvalidModelException("%s: %s".formatted(Quote.line(weights.toString()), what));
    }
}
