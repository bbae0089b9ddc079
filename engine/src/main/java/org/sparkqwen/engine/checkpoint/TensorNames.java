package org.sparkqwen.engine.checkpoint;

import java.util.List;

/// The prefix of a family's tensor names, which checkpoints of the bare model leave out.
///
/// @param prefix the start of most names, `model.`; empty if no checkpoint leaves anything out
/// @param bare the starts of the names without it: `embed_tokens.`, `layers.`
public record TensorNames(String prefix, List<String> bare) {
    /// The names as they stand in the files.
    public static final TensorNames AS_STORED = new TensorNames("", List.of());

    public TensorNames {
        bare = List.copyOf(bare);
    }

    /// Returns `name` as a checkpoint of the bare model has it.
    public String withoutPrefix(String name) {
        return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
    }

    /// Whether `name` lacks the prefix.
    boolean isBare(String name) {
        return bare.stream().anyMatch(name::startsWith);
    }
}
