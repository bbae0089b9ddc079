package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R12;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R13;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R14;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBP;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import java.util.List;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Tmm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes the micro-kernel of AMX for rows in 8 bits. It computes what [ByteTileCode] computes, with the same bits,
/// because sums of integers are exact in any order.
///
/// A tile register holds 16 rows of 64 inputs, or 64 inputs of 16 outputs, or 16 by 16 sums. Registers of tiles compute
/// nothing but sums, so these go to memory, and vector instructions add them to the outputs with their scales.
public final class AmxByteTileCode {
    /// The operands. Strides and distances are in bytes.
    public enum Field {
        /// The shapes of the tile registers.
        CONFIG,
        /// The group, in the layout of `Int8Panels`.
        PANEL,
        /// The number of blocks of its inputs, at least 1. A block has as many inputs as the configuration
        /// says.
        BLOCKS,
        /// The bytes of the first row.
        IN,
        IN_STRIDE,
        /// The distance from the place after a tile's inputs to the start of the next tile.
        IN_TO_NEXT_TILE,
        /// The float32 scale of the first row's group. Those of the next rows follow.
        SCALES,
        /// The address of the first row's sums, `[rows][32]`, which follow each other.
        TO,
        /// The number of tiles, at least 1.
        TILES,
        /// The number of rows of a tile.
        ROWS,
        /// `[1 + rows of a tile][32]` of 32 bits, for the first sums and for a tile's sums.
        SCRATCH,
        /// The address of what will be needed next.
        AHEAD,
        /// The number of cache lines of it that each tile requests.
        AHEAD_COUNT
    }

    /// The bytes of a row of the scratch memory.
    public static final int SCRATCH_ROW = 2 * Zmm.BYTES;

    private static final List<Gpr> SAVED = List.of(RBX, RBP, R12, R13, R14);

    private static final Gpr OPERANDS = RDI;
    private static final Gpr PANEL = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr IN_STRIDE = RAX;
    private static final Gpr PANEL_STRIDE = RBX; // of sums, too
    private static final Gpr NO_STRIDE = RBP;
    private static final Gpr SCALES = R8;
    private static final Gpr TO = R9;
    private static final Gpr TILES = R10;
    private static final Gpr AHEAD = R11;
    private static final Gpr SCRATCH = R13;
    private static final Gpr SUMS = R14;
    private static final List<Gpr> IN = List.of(RSI, R12);

    private static final List<Zmm> GROUP_SCALES = List.of(new Zmm(16), new Zmm(17));
    private static final List<Zmm> PRODUCTS = List.of(new Zmm(18), new Zmm(19));
    private static final List<Zmm> OUTPUTS = List.of(new Zmm(20), new Zmm(21));
    private static final Zmm ROW_SCALE = new Zmm(22);

    private final Assembler asm = new Assembler();
    private final int height;

    private AmxByteTileCode(int height) {
        this.height = height;
    }

    /// @param height number of registers for rows: 2, or 1 for at most 16 rows
    static byte[] of(int height) {
        AmxByteTileCode code = new AmxByteTileCode(height);
        code.write();
        return code.asm.code();
    }

    private void write() {
        SAVED.forEach(asm::push);
        asm.mov(RCX, operand(Field.CONFIG));
        asm.ldtilecfg(Address.at(RCX, 0));
        asm.mov(PANEL_STRIDE, ByteTileCode.FOUR_ROW);
        asm.mov(NO_STRIDE, 0);
        asm.mov(IN.getFirst(), operand(Field.IN));
        asm.mov(IN_STRIDE, operand(Field.IN_STRIDE));
        asm.mov(SCALES, operand(Field.SCALES));
        asm.mov(TO, operand(Field.TO));
        asm.mov(TILES, operand(Field.TILES));
        asm.mov(AHEAD, operand(Field.AHEAD));
        asm.mov(SCRATCH, operand(Field.SCRATCH));
        asm.mov(PANEL, operand(Field.PANEL));
        for (int half = 0; half < 2; half++) {
            int offset = half * Zmm.BYTES;
            asm.vmovups(GROUP_SCALES.get(half), Address.at(PANEL, offset));
            Zmm start = OUTPUTS.get(half);
            Address sums = Address.at(PANEL, ByteTileCode.HEADER_ROW + offset);
            ByteTileCode.negatedOffsets(asm, start, ROW_SCALE, sums);
            asm.vmovups(Address.at(SCRATCH, offset), start);
        }
        Label tile = new Label();
        asm.bind(tile);
        LinesAhead.request(asm, AHEAD, COUNT, operand(Field.AHEAD_COUNT));
        multiply();
        addScaled();
        asm.add(IN.getFirst(), operand(Field.IN_TO_NEXT_TILE));
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        asm.tilerelease();
        asm.vzeroupper();
        SAVED.reversed().forEach(asm::pop);
        asm.ret();
    }

    private void multiply() {
        Label block = new Label();
        AmxRegisters.eachSum(
                height,
                (sum, row, column) -> asm.tileloadd(sum, Address.at(SCRATCH, NO_STRIDE, 1, column * Tmm.ROW_BYTES)));
        AmxRegisters.skipRows(asm, IN.get(1), IN.get(0), IN_STRIDE);
        asm.mov(PANEL, operand(Field.PANEL));
        asm.add(PANEL, 2 * ByteTileCode.HEADER_ROW);
        asm.mov(COUNT, operand(Field.BLOCKS));
        asm.bind(block);
        for (int column = 0; column < AmxRegisters.WEIGHTS.size(); column++) {
            asm.tileloadd(AmxRegisters.WEIGHTS.get(column), Address.at(PANEL, PANEL_STRIDE, 1, column * Tmm.ROW_BYTES));
        }
        for (int row = 0; row < height; row++) {
            Tmm rows = AmxRegisters.rows(row);
            asm.tileloadd(rows, Address.at(IN.get(row), IN_STRIDE, 1, 0));
            for (int column = 0; column < AmxRegisters.WEIGHTS.size(); column++) {
                asm.tdpbusd(AmxRegisters.sum(row, column), rows, AmxRegisters.WEIGHTS.get(column));
            }
            asm.add(IN.get(row), Tmm.ROW_BYTES);
        }
        asm.add(PANEL, Tmm.ROWS * ByteTileCode.FOUR_ROW);
        asm.sub(COUNT, 1);
        asm.jump(Condition.NOT_EQUAL, block);
        asm.lea(SUMS, Address.at(SCRATCH, SCRATCH_ROW));
        AmxRegisters.eachSum(height, (sum, row, column) -> {
            int offset = row * Tmm.ROWS * SCRATCH_ROW + column * Tmm.ROW_BYTES;
            asm.tilestored(Address.at(SUMS, PANEL_STRIDE, 1, offset), sum);
        });
    }

    private void addScaled() {
        Label row = new Label();
        asm.mov(COUNT, operand(Field.ROWS));
        asm.bind(row);
        asm.vbroadcastss(ROW_SCALE, Address.at(SCALES, 0));
        for (int half = 0; half < 2; half++) {
            int offset = half * Zmm.BYTES;
            Zmm product = PRODUCTS.get(half);
            Zmm output = OUTPUTS.get(half);
            asm.vmulps(product, ROW_SCALE, GROUP_SCALES.get(half));
            asm.vcvtdq2ps(output, Address.at(SUMS, offset));
            asm.vfmadd213ps(output, product, Address.at(TO, offset));
            asm.vmovups(Address.at(TO, offset), output);
        }
        asm.add(SCALES, Float.BYTES);
        asm.add(SUMS, SCRATCH_ROW);
        asm.add(TO, SCRATCH_ROW);
        asm.sub(COUNT, 1);
        asm.jump(Condition.NOT_EQUAL, row);
    }

    private static Address operand(Field field) {
        return Arguments.of(OPERANDS, field);
    }
}
