package org.sparkqwen.engine.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The paged KV cache: blocks with the keys and values of all sequences that are being generated. As long as there is
/// room, it also keeps those of earlier prompts, for sequences that begin alike (prefix caching).
///
/// Prompts form a tree of blocks ([Prefix]). A sequence reads whole blocks of the tree in place. If it shares only a
/// part of a block, it takes a copy, which costs about a millisecond where computing some tokens takes hundreds. Blocks
/// are offered to others when their computation is planned: a step stores the keys and values of all its sequences
/// before any of them attends, so even sequences of the same step share.
///
/// Not safe for several threads.
public final class KeyValueCache {
    /// The number of tokens for which it is worth waiting a step until the block that has them is computed.
    private static final int WORTH_WAITING = 16;

    private final BlockPool pool;
    private final CacheLayout layout;
    private final Prefix root = Prefix.root();

    /// The leaves of the tree that no sequence uses, the longest unused first.
    private final Set<Prefix> idleLeaves = new LinkedHashSet<>();

    private int idleBlocks; // of the whole tree

    public KeyValueCache(BlockPool pool) {
        this.pool = pool;
        layout = pool.layout();
    }

    /// The part of a sequence's beginning that the cache has.
    ///
    /// @param whole blocks to read in place
    /// @param partial a computed block from which to copy the first `partialTokens` positions, or null
    /// @param waits whether the sequence should wait for a block that is being computed, because it has enough more
    ///     tokens, or all that may be found
    public record Found(List<Prefix> whole, @Nullable Prefix partial, int partialTokens, boolean waits) {}

    /// Looks for the beginning of a sequence.
    ///
    /// @param most the most tokens that may be found
    public Found find(int[] tokens, int most) {
        List<Prefix> whole = new ArrayList<>();
        Prefix node = root;
        int at = 0;
        while (at + layout.tokens() <= most) {
            Prefix child = node.children.get(Arrays.copyOfRange(tokens, at, at + layout.tokens()));
            if (child == null) {
                break;
            }
            whole.add(child);
            node = child;
            at += layout.tokens();
        }
        int[] rest = Arrays.copyOfRange(tokens, at, Math.min(most, at + layout.tokens()));
        List<Prefix> nearest = node.nearest(rest).toList();
        Prefix partial = nearest.stream()
                .filter(prefix -> prefix.computed && prefix.inCommon(rest) > 0)
                .max(Comparator.comparingInt(prefix -> prefix.inCommon(rest)))
                .orElse(null);
        int there = partial == null ? 0 : partial.inCommon(rest);
        int soon =
                nearest.stream().mapToInt(prefix -> prefix.inCommon(rest)).max().orElse(0);
        boolean all = at + soon == most; // for the samples of one prompt, however short it is
        return new Found(whole, partial, there, soon - there >= WORTH_WAITING || (all && soon > there));
    }

    /// The number of blocks that are available without taking one from a sequence.
    public int available() {
        return pool.capacity() - pool.inUse() + idleBlocks;
    }

    public int capacity() {
        return pool.capacity();
    }

    public CacheLayout layout() {
        return layout;
    }

    /// Opens a table that begins with what was found; its positions are computed, or will be with the step.
    public BlockTable open(Found found) {
        BlockTable table = new BlockTable(layout);
        for (Prefix prefix : found.whole()) {
            use(table, Objects.requireNonNull(prefix.block));
        }
        table.offered = table.blocks.size();
        return table;
    }

    /// Copies the partial block that was found, and returns the number of tokens copied: 0 if there is no block for
    /// them.
    public int copyPartial(BlockTable table, Found found) {
        Prefix partial = found.partial();
        if (partial == null) {
            return 0;
        }
        Block source = Objects.requireNonNull(partial.block);
        source.users++; // so that it is not evicted to make room for its copy
        markUsed(partial);
        boolean room = grow(table, (table.blocks.size() + 1) * layout.tokens());
        if (room) {
            table.blocks.getLast().copy(source, found.partialTokens());
        }
        release(source);
        return room ? found.partialTokens() : 0;
    }

    /// Makes room for positions 0 to `positions - 1`, and evicts prefixes that no sequence uses where it must.
    ///
    /// @return false if the cache is full; the blocks that were taken stay in the table
    public boolean grow(BlockTable table, int positions) {
        while (table.blocks.size() < layout.blocks(positions)) {
            Block block = pool.take();
            if (block == null) {
                if (!evict()) {
                    return false;
                }
            } else {
                use(table, block);
            }
        }
        return true;
    }

    /// Offers a prompt's blocks to other sequences. These are the blocks that are full with the positions before
    /// `end`, computed or planned for this step, and the prompt's last block, however full, when `end` is the
    /// prompt's.
    ///
    /// If another sequence has offered the same block before, this one is given up for that: both hold the same
    /// bits.
    public void offer(BlockTable table, int[] tokens, int promptTokens, int end) {
        Prefix parent = table.offered == 0 ? root : Objects.requireNonNull(table.blocks.get(table.offered - 1).prefix);
        int size = layout.tokens();
        while ((table.offered + 1) * size <= Math.min(promptTokens, end)) {
            int first = table.offered * size;
            parent = offer(table, parent, Arrays.copyOfRange(tokens, first, first + size));
        }
        int first = table.offered * size;
        if (end >= promptTokens && first < promptTokens && end < first + size) {
            offer(table, parent, Arrays.copyOfRange(tokens, first, promptTokens));
        }
    }

    private Prefix offer(BlockTable table, Prefix parent, int[] tokens) {
        Block block = table.blocks.get(table.offered);
        boolean whole = tokens.length == layout.tokens();
        Prefix there = parent.children.get(tokens);
        if (there == null) {
            there = new Prefix(parent, block, tokens);
            parent.children.put(tokens, there);
            idleLeaves.remove(parent);
            block.prefix = there;
        } else if (whole && there.block != block) {
            Block same = Objects.requireNonNull(there.block);
            same.users++;
            markUsed(there);
            table.blocks.set(table.offered, same);
            release(block);
        }
        if (whole) {
            table.offered++;
        }
        return there;
    }

    /// Notes that the model has computed the planned positions of a table.
    public void computed(BlockTable table) {
        for (int i = table.blocks.size() - 1; i >= 0; i--) {
            Prefix prefix = table.blocks.get(i).prefix;
            if (prefix != null) {
                if (prefix.computed) {
                    return;
                }
                prefix.computed = true;
            }
        }
    }

    /// Releases a table's blocks. Blocks that were planned and not computed will not be found.
    public void release(BlockTable table) {
        for (Block block : table.blocks.reversed()) {
            release(block);
        }
        table.blocks.clear();
        table.offered = 0;
    }

    private void use(BlockTable table, Block block) {
        block.users++;
        if (block.prefix != null) {
            markUsed(block.prefix);
        }
        table.blocks.add(block);
    }

    /// Notes that a prefix got a user.
    private void markUsed(Prefix prefix) {
        if (Objects.requireNonNull(prefix.block).users == 1) {
            idleBlocks--;
            idleLeaves.remove(prefix);
        }
    }

    private void release(Block block) {
        block.users--;
        if (block.users > 0) {
            return;
        }
        Prefix prefix = block.prefix;
        if (prefix == null) {
            pool.giveBack(block);
        } else if (!prefix.computed) {
            remove(prefix);
        } else {
            idleBlocks++;
            if (prefix.children.isEmpty()) {
                idleLeaves.add(prefix);
            }
        }
    }

    /// Frees the prefix that was unused for longest, after those that continue it.
    private boolean evict() {
        if (idleLeaves.isEmpty()) {
            return false;
        }
        Prefix prefix = idleLeaves.iterator().next();
        idleLeaves.remove(prefix);
        idleBlocks--;
        remove(prefix);
        return true;
    }

    private void remove(Prefix prefix) {
        Block block = Objects.requireNonNull(prefix.block);
        Prefix parent = Objects.requireNonNull(prefix.parent);
        parent.children.remove(prefix.tokens);
        if (parent.block != null && parent.block.users == 0 && parent.children.isEmpty()) {
            idleLeaves.add(parent);
        }
        block.prefix = null;
        pool.giveBack(block);
    }

    /// The number of blocks that sequences use.
    public int inUse() {
        return pool.inUse() - idleBlocks;
    }

    /// The number of blocks that no sequence uses, kept for sequences that begin as earlier ones did.
    public int kept() {
        return idleBlocks;
    }
}
