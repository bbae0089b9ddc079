package org.sparkqwen.engine.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.sparkqwen.engine.checkpoint.ColumnBalance;

/// The tensors of one layer, from which a [Layer] is made once they are packed.
///
/// @param inputNorm `[hidden]`
/// @param output `[hidden, heads · headDim]`
/// @param postAttentionNorm `[hidden]`
public record LayerTensors(
        PlannedTensor inputNorm,
        Input query,
        Input key,
        Input value,
        PlannedTensor output,
        PlannedTensor postAttentionNorm,
        FeedForwardTensors feedForward) {

    /// The tensors of a projection that computes queries, keys or values from the layer's input.
    ///
    /// @param weight `[outputs, hidden]`
    /// @param bias `[outputs]`
    /// @param norm `[headDim]`, of each head; values have none
    public record Input(PlannedTensor weight, Optional<PlannedTensor> bias, Optional<PlannedTensor> norm) {}

    /// The tensors of a layer's feed-forward part, which follows attention.
    public sealed interface FeedForwardTensors {}

    /// The tensors of a dense feed-forward, or of one expert: `down(silu(gate(x)) · up(x))`.
    ///
    /// @param gate `[intermediate, hidden]`
    /// @param up `[intermediate, hidden]`
    /// @param down `[hidden, intermediate]`
    public record Dense(PlannedTensor gate, PlannedTensor up, PlannedTensor down) implements FeedForwardTensors {
        List<PlannedTensor> all() {
            return List.of(gate, up, down);
        }
    }

    /// The tensors of a mixture of experts.
    ///
    /// @param router `[experts, hidden]`
    /// @param experts as many as `shape` says
    public record Mixture(MixtureShape shape, PlannedTensor router, List<Dense> experts)
            implements FeedForwardTensors {}

    /// The router, if the feed-forward part is a mixture of experts.
    Optional<PlannedTensor> router() {
        return switch (feedForward) {
            case Dense _ -> Optional.empty();
            case Mixture mixture -> Optional.of(mixture.router());
        };
    }

    /// The norms, each with all matrices that read its output.
    Stream<ColumnBalance> balances() {
        Stream<PlannedTensor> readers = switch (feedForward) {
            case Dense dense -> Stream.of(dense.gate(), dense.up());
            case Mixture mixture ->
                Stream.concat(
                        Stream.of(mixture.router()),
                        mixture.experts().stream().flatMap(expert -> Stream.of(expert.gate(), expert.up())));
        };
        return Stream.of(
                new ColumnBalance(
                        inputNorm.name(),
                        Stream.of(query, key, value)
                                .map(input -> input.weight().name())
                                .toList()),
                new ColumnBalance(
                        postAttentionNorm.name(),
                        readers.map(PlannedTensor::name).toList()));
    }

    /// All tensors except those of experts, in the order in which they are packed.
    List<PlannedTensor> ofEveryToken() {
        List<PlannedTensor> tensors = new ArrayList<>();
        tensors.add(inputNorm);
        for (Input input : List.of(query, key, value)) {
            tensors.add(input.weight());
            input.bias().ifPresent(tensors::add);
        }
        for (Input input : List.of(query, key, value)) {
            input.norm().ifPresent(tensors::add);
        }
        tensors.add(output);
        tensors.add(postAttentionNorm);
        switch (feedForward) {
            case Dense dense -> tensors.addAll(dense.all());
            case Mixture mixture -> tensors.add(mixture.router());
        }
        return tensors;
    }

    /// All tensors, in the order in which they are packed.
    Stream<PlannedTensor> all() {
        return Stream.concat(
                ofEveryToken().stream(),
                switch (feedForward) {
                    case Dense _ -> Stream.empty();
                    case Mixture mixture -> mixture.experts().stream().flatMap(expert -> expert.all().stream());
                });
    }
}
