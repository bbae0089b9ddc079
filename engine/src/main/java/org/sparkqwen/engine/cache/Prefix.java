package org.sparkqwen.engine.cache;

import java.util.Arrays;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A node of the tree of prompts: some tokens after those of its parent, and the block that holds their keys and
/// values. A block's keys and values depend on all tokens before it, and so does a node's place.
final class Prefix {
    final @Nullable Prefix parent;
    final @Nullable Block block; // null at the root only
    final int[] tokens; // as many as a block holds, or fewer at the end of a prompt
    final NavigableMap<int[], Prefix> children = new TreeMap<>(Arrays::compare);

    /// Whether the model has computed the block. If not, the step that is being planned will compute it.
    boolean computed;

    Prefix(@Nullable Prefix parent, @Nullable Block block, int[] tokens) {
        this.parent = parent;
        this.block = block;
        this.tokens = tokens;
    }

    static Prefix root() {
        return new Prefix(null, null, new int[0]);
    }

    /// The two children that may have the longest beginning in common with `wanted`: its neighbours in
    /// lexicographic order.
    Stream<Prefix> nearest(int[] wanted) {
        return Stream.of(children.floorEntry(wanted), children.ceilingEntry(wanted))
                .filter(entry -> entry != null)
                .map(Map.Entry::getValue);
    }

    /// The number of its first tokens that are those of `wanted`.
    int inCommon(int[] wanted) {
        int mismatch = Arrays.mismatch(tokens, wanted);
        return mismatch < 0 ? tokens.length : mismatch;
    }
}
