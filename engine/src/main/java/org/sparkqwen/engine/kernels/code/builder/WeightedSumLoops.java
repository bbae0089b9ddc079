package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the loops of [WeightedSumCode]: over tiles, over blocks of keys, and over the keys of a block. What a set of
/// instructions does with the sums of a tile is left to a [Tile].
final class WeightedSumLoops {
    /// The number of keys in one turn of the loop.
    private static final int UNROLLED = 8;

    /// Has the address of the first row's probability of the next key.
    static final Gpr PROBABILITY = RSI;

    /// Has the address of the values of a turn's first key.
    static final Gpr VALUES = RDX;

    /// Has the address of the tile's sums.
    static final Gpr SUMS = R8;

    /// Has the address of the first row's correction for the block.
    static final Gpr CORRECTION = R9;

    private static final Gpr KEY_STRIDE = RAX;
    private static final Gpr TURNS = RCX;
    private static final Gpr BLOCK = R10;
    private static final Gpr BLOCKS_LEFT = R11;
    private static final Gpr ROW_BYTES = RBX;
    private static final Gpr TILES = R12;

    private final Assembler asm;
    private final int height;
    private final int valueRow;

    private WeightedSumLoops(Assembler asm, KeyValueFormat format, int height) {
        this.asm = asm;
        this.height = height;
        valueRow = valueRow(format);
    }

    /// The bytes of a key's values in 32 columns.
    static int valueRow(KeyValueFormat format) {
        return Matrix.PANEL * format.bytes();
    }

    /// The work on the sums of a tile.
    interface Tile {
        /// Loads what stays in registers for all tiles.
        void enter();

        /// Loads the sums.
        void load();

        /// Multiplies the sums with the rows' corrections for a block.
        void correct();

        /// Adds the values of a key of a turn.
        void key(int key);

        /// Stores the sums.
        void store();
    }

    /// @param format of the values
    /// @param height number of rows of a tile
    static void write(Assembler asm, KeyValueFormat format, int height, Tile tile) {
        new WeightedSumLoops(asm, format, height).write(tile);
    }

    private void write(Tile tile) {
        Label next = new Label();
        Label block = new Label();
        Label turn = new Label();
        asm.push(RBX);
        asm.push(R12);
        asm.mov(ROW_BYTES, 0);
        asm.mov(TILES, operand(WeightedSumCode.Field.TILES));
        asm.mov(SUMS, operand(WeightedSumCode.Field.SUMS));
        asm.mov(KEY_STRIDE, operand(WeightedSumCode.Field.KEY_STRIDE));
        tile.enter();
        asm.bind(next);
        requestOut();
        asm.mov(PROBABILITY, operand(WeightedSumCode.Field.PROBABILITIES));
        asm.add(PROBABILITY, ROW_BYTES);
        asm.mov(CORRECTION, operand(WeightedSumCode.Field.CORRECTIONS));
        asm.add(CORRECTION, ROW_BYTES);
        asm.mov(BLOCK, operand(WeightedSumCode.Field.BLOCKS));
        asm.mov(BLOCKS_LEFT, operand(WeightedSumCode.Field.COUNT));
        tile.load();

        asm.bind(block);
        asm.mov(VALUES, Address.at(BLOCK, 0));
        asm.add(VALUES, operand(WeightedSumCode.Field.COLUMNS));
        tile.correct();
        asm.mov(TURNS, KeyValueBlock.TOKENS / UNROLLED);
        asm.cmp(BLOCKS_LEFT, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.mov(TURNS, operand(WeightedSumCode.Field.LAST_TURNS));
        asm.bind(turn);
        for (int key = 0; key < UNROLLED; key++) {
            tile.key(key);
            asm.add(PROBABILITY, KEY_STRIDE);
        }
        asm.add(VALUES, UNROLLED * valueRow);
        asm.sub(TURNS, 1);
        asm.jump(Condition.NOT_EQUAL, turn);
        asm.add(CORRECTION, KEY_STRIDE);
        asm.add(BLOCK, Long.BYTES);
        asm.sub(BLOCKS_LEFT, 1);
        asm.jump(Condition.NOT_EQUAL, block);

        tile.store();
        asm.add(ROW_BYTES, height * Float.BYTES);
        asm.add(SUMS, height * WeightedSumCode.SUM_ROW);
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, next);
        asm.vzeroupper();
        asm.pop(R12);
        asm.pop(RBX);
        asm.ret();
    }

    /// Requests the lines that the tile's rows will be written to, and those that the next rows will be read from.
    private void requestOut() {
        Gpr table = R11;
        Gpr row = RDX;
        Gpr columns = R9;
        Gpr next = R10;
        Label none = new Label();
        asm.mov(table, operand(WeightedSumCode.Field.OUT));
        asm.cmp(table, 0);
        asm.jump(Condition.EQUAL, none);
        asm.lea(table, Address.at(table, ROW_BYTES, Long.BYTES / Float.BYTES, 0));
        asm.mov(columns, operand(WeightedSumCode.Field.OUT_COLUMNS));
        asm.mov(next, operand(WeightedSumCode.Field.NEXT_COLUMNS));
        for (int i = 0; i < height; i++) {
            asm.mov(row, Address.at(table, i * Long.BYTES));
            for (int offset = 0; offset < WeightedSumCode.SUM_ROW; offset += Zmm.BYTES) {
                asm.prefetchw(Address.at(row, columns, 1, offset));
                asm.prefetcht1(Address.at(row, next, 1, offset));
            }
        }
        asm.bind(none);
    }

    private static Address operand(WeightedSumCode.Field field) {
        return Arguments.of(RDI, field);
    }
}
