package org.sparkqwen.engine.cache;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The block table of one sequence: the blocks of its keys and values, in the order of positions.
public final class BlockTable {
    private final CacheLayout layout;
    final List<Block> blocks = new ArrayList<>();

    /// The number of blocks, from the first on, that other sequences may find.
    int offered;

    /// The number of blocks, from the first on, that belong to another table.
    private int borrowed;

    BlockTable(CacheLayout layout) {
        this.layout = layout;
    }

    /// Makes a table of blocks that belong to no cache, for a sequence that is computed in one pass.
    ///
    /// @param positions number of positions that it has room for
    /// @throws OutOfMemoryError if the system has no memory for them
    public static BlockTable of(BlockPool pool, int positions) {
        return fill(new BlockTable(pool.layout()), pool, positions);
    }

    /// Makes a table for a sequence that begins like another one. It reads the blocks that the common beginning
    /// fills in the other's table, and has blocks of its own for what follows.
    ///
    /// @param from a table that has the common beginning, and is given back after this one
    /// @param common number of positions in common
    /// @param positions number of positions that it has room for
    /// @throws OutOfMemoryError if the system has no memory for them
    public static BlockTable branch(BlockPool pool, BlockTable from, int common, int positions) {
        BlockTable table = new BlockTable(pool.layout());
        table.borrowed = common / pool.layout().tokens();
        table.blocks.addAll(from.blocks.subList(0, table.borrowed));
        return fill(table, pool, positions);
    }

    private static BlockTable fill(BlockTable table, BlockPool pool, int positions) {
        while (table.blocks.size() < pool.layout().blocks(positions)) {
            Block block = pool.take();
            if (block == null) {
                table.giveBack(pool);
                throw new OutOfMemoryError("no memory for the keys and values of %,d tokens".formatted(positions));
            }
            table.blocks.add(block);
        }
        return table;
    }

    /// Gives back the blocks of a table that [#of] or [#branch] made, without those that are another's.
    public void giveBack(BlockPool pool) {
        blocks.subList(borrowed, blocks.size()).forEach(pool::giveBack);
        blocks.clear();
    }

    public KeyValueFormat format() {
        return layout.format();
    }

    /// The bytes from the first layer's keys and values of some positions to those of another layer. They are the
    /// same in all blocks.
    public long offset(int layer) {
        return layout.offset(layer % layout.layers());
    }

    /// The keys and values of a layer, 32 positions each. If the blocks hold one layer, all layers use it in turn.
    public List<MemorySegment> keysAndValues(int layer) {
        List<MemorySegment> parts = new ArrayList<>(blocks.size() * layout.tokens() / KeyValueBlock.TOKENS);
        for (Block block : blocks) {
            parts.addAll(block.parts(layer % layout.layers()));
        }
        return parts;
    }
}
