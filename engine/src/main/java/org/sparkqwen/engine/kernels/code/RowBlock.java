package org.sparkqwen.engine.kernels.code;

import java.lang.foreign.MemorySegment;
import java.util.function.IntToLongFunction;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.IntegerProduct;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.RoundCode;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.vector.QuantizedRows;

/// A block of rows that a thread multiplies with many panels, and its copies in the forms that products need. Each
/// thread has its own.
///
/// **In float32**, many rows are copied in pieces of some inputs: `[piece][row][inputs of the piece]`. So the rows of a
/// tile are contiguous. In the batch they are at a stride that is often a power of two, and then a few sets of the
/// first-level cache would have to hold them all. Few rows are read where they lie.
///
/// **In bfloat16**, rows are rounded or split once for all panels: `[part][piece][row][inputs of the piece]`, filled up
/// with zeros to whole blocks of 32 inputs.
///
/// **In 8 bits**, rows are rounded in groups of 128 inputs. Many rows are `[group][row][128]`, as in float32, and few
/// rows are `[row][group][128]`, so that one function passes over all groups. Scales are `[32 inputs][row]`, so that
/// the groups of each format find theirs at the same distance.
///
/// A copy is made when the first product needs it, and serves all panels of an operation that the thread takes.
final class RowBlock implements AutoCloseable {
    /// The least number of rows that counts as many with AVX-512.
    static final int MANY = 96;

    /// The least number of rows that counts as many with AVX2, whose tiles are low, so that a panel would be
    /// widened many times.
    private static final int MANY_OF_AVX2 = 25;

    /// With many rows, the number of inputs of a piece: 32 kB of a panel, 12 kB of a tile.
    private static final int INPUTS_OF_MANY = 256;

    /// With many rows on AVX2, the number of inputs of a piece: 16 kB of a panel, 2 kB of a tile, because the
    /// first-level cache may have 32 kB.
    private static final int INPUTS_OF_MANY_OF_AVX2 = 128;

    /// With few rows, the number of inputs of a piece.
    static final int INPUTS_OF_FEW = 1024;

    /// In bfloat16, the number of inputs of a piece: 16 kB of a panel, 16 kB of a tile.
    static final int ROUNDED_INPUTS = 256;

    private static final int GROUP = IntegerProduct.GROUP;

    /// In 8 bits, the number of inputs for which each row has a scale.
    static final int SCALED_INPUTS = 32;

    private static final int SCALES_OF_GROUP = GROUP / SCALED_INPUTS;

    private final Scratch floats = new Scratch();
    private final Scratch rounded = new Scratch();
    private final Scratch quantized = new Scratch();
    private final Scratch last = new Scratch();
    private final Arguments arguments = new Arguments();

    private final int many;
    private final int inputsOfMany;
    private long number = -1;
    private int rows;
    private int inputs;
    private IntToLongFunction addresses = row -> 0;
    private long direct; // address of the rows where they lie; 0 if they are copied
    private boolean copied;
    private int parts; // of the copy in bfloat16; 0 if there is none yet
    private boolean inBytes; // whether there is a copy in 8 bits

    RowBlock(InstructionSet set) {
        many = set == InstructionSet.AVX2 ? MANY_OF_AVX2 : MANY;
        inputsOfMany = set == InstructionSet.AVX2 ? INPUTS_OF_MANY_OF_AVX2 : INPUTS_OF_MANY;
    }

    /// The bytes of native memory that the copies of `rows` rows take.
    static long bytes(int rows, int inputs) {
        long inBytes = (long) groups(inputs) * (GROUP + SCALES_OF_GROUP * Float.BYTES);
        return rows * ((long) inputs * Float.BYTES + 2L * padded(inputs) * Short.BYTES + inBytes);
    }

    /// Takes a block of rows that follow each other.
    ///
    /// @param number a number that no other block has had in this thread, unless it is the same one
    /// @param address of `[rows, inputs]`
    void take(long number, long address, int rows, int inputs) {
        long rowBytes = (long) inputs * Float.BYTES;
        take(number, row -> address + row * rowBytes, rows, inputs);
        if (rows < many) {
            direct = address;
        }
    }

    /// Takes a block of rows that lie anywhere.
    ///
    /// @param addresses gives the address of each row
    void take(long number, IntToLongFunction addresses, int rows, int inputs) {
        if (this.number == number) {
            return;
        }
        this.number = number;
        this.addresses = addresses;
        this.rows = rows;
        this.inputs = inputs;
        direct = 0;
        copied = false;
        parts = 0;
        inBytes = false;
    }

    int rows() {
        return rows;
    }

    int inputs() {
        return inputs;
    }

    /// Whether the rows are few.
    boolean isFew() {
        return rows < many;
    }

    /// Whether products in float32 read the rows where they lie.
    boolean isDirect() {
        return direct != 0;
    }

    /// The number of inputs of a piece in float32, which starts with a group of integers; the last piece may have
    /// fewer.
    int piece() {
        int most = isDirect() ? INPUTS_OF_FEW : inputsOfMany;
        int even = Math.ceilDiv(inputs, Math.ceilDiv(inputs, most));
        return Math.ceilDiv(even, IntegerLayout.GROUPS) * IntegerLayout.GROUPS;
    }

    /// The rows of a piece in float32.
    ///
    /// @param input the piece's first input
    /// @param length number of its inputs
    Rows floats(int input, int length) {
        if (isDirect()) {
            return new Rows(direct + (long) input * Float.BYTES, (long) inputs * Float.BYTES);
        }
        if (!copied) {
            copy();
            copied = true;
        }
        return new Rows(floats.address(0) + (long) input * rows * Float.BYTES, (long) length * Float.BYTES);
    }

    private void copy() {
        long to = floats.address((long) rows * inputs * Float.BYTES);
        int piece = piece();
        for (int row = 0; row < rows; row++) {
            long from = addresses.applyAsLong(row);
            for (int input = 0; input < inputs; input += piece) {
                long bytes = (long) Math.min(piece, inputs - input) * Float.BYTES;
                long at = to + (long) input * rows * Float.BYTES + row * bytes;
                MemorySegment.copy(Memory.ALL, from + (long) input * Float.BYTES, Memory.ALL, at, bytes);
            }
        }
    }

    /// The rows of a piece in bfloat16, the first part of each number.
    ///
    /// @param parts number of parts, 1 or 2
    /// @param input the piece's first input, a multiple of [#ROUNDED_INPUTS]
    Rows rounded(int parts, int input) {
        if (this.parts < parts) {
            round(parts);
            this.parts = parts;
        }
        return new Rows(rounded.address(0) + (long) input * rows * Short.BYTES, pieceBytes(input));
    }

    /// The distance from a number's first part to its second in bytes.
    long secondPart() {
        return (long) rows * padded(inputs) * Short.BYTES;
    }

    private void round(int parts) {
        long to = rounded.address(parts * secondPart());
        MachineCode function = parts == 1 ? RoundedFunctions.ROUND : RoundedFunctions.SPLIT;
        for (int row = 0; row < rows; row++) {
            long from = addresses.applyAsLong(row);
            for (int input = 0; input < inputs; input += ROUNDED_INPUTS) {
                long at = to + (long) input * rows * Short.BYTES + row * pieceBytes(input);
                int blocks = Math.min(ROUNDED_INPUTS, inputs - input) / Arithmetic.BLOCK;
                if (blocks > 0) {
                    round(function, from + (long) input * Float.BYTES, at, blocks);
                }
            }
            int complete = inputs / Arithmetic.BLOCK * Arithmetic.BLOCK;
            if (complete < inputs) {
                int first = complete / ROUNDED_INPUTS * ROUNDED_INPUTS;
                long at = to
                        + (long) first * rows * Short.BYTES
                        + row * pieceBytes(first)
                        + (complete - first) * (long) Short.BYTES;
                long bytes = (long) (inputs - complete) * Float.BYTES;
                long padded = last.address(Arithmetic.BLOCK * Float.BYTES);
                Memory.ALL.asSlice(padded, Arithmetic.BLOCK * Float.BYTES).fill((byte) 0);
                MemorySegment.copy(Memory.ALL, from + (long) complete * Float.BYTES, Memory.ALL, padded, bytes);
                round(function, padded, at, 1);
            }
        }
    }

    /// The rows of a group in 8 bits.
    ///
    /// @param group number of the group of 128 inputs
    Rows quantized(int group) {
        if (!inBytes) {
            quantize();
            inBytes = true;
        }
        return new Rows(quantized.address(0) + group * groupStride(), rowStride());
    }

    private long groupStride() {
        return isFew() ? GROUP : (long) rows * GROUP;
    }

    private long rowStride() {
        return isFew() ? (long) groups(inputs) * GROUP : GROUP;
    }

    /// The address of the rows' scales of a group, after [#quantized].
    long scales(int group) {
        long integers = (long) groups(inputs) * rows * GROUP;
        return quantized.address(0) + integers + (long) group * SCALES_OF_GROUP * rows * Float.BYTES;
    }

    private void quantize() {
        int groups = groups(inputs);
        long to = quantized.address((long) groups * rows * (GROUP + SCALES_OF_GROUP * Float.BYTES));
        for (int row = 0; row < rows; row++) {
            long from = addresses.applyAsLong(row);
            for (int group = 0; group < groups; group++) {
                int first = group * GROUP;
                int count = Math.min(GROUP, inputs - first);
                long bytes = to + group * groupStride() + row * rowStride();
                float scale = QuantizedRows.round(from + (long) first * Float.BYTES, count, bytes);
                for (int i = 0; i < SCALES_OF_GROUP; i++) {
                    Memory.setFloat(scales(group) + ((long) i * rows + row) * Float.BYTES, scale);
                }
            }
        }
    }

    private static int groups(int inputs) {
        return Math.ceilDiv(inputs, GROUP);
    }

    private void round(MachineCode function, long from, long to, int blocks) {
        arguments
                .set(RoundCode.Field.FROM, from)
                .set(RoundCode.Field.TO, to)
                .set(RoundCode.Field.REST, to + secondPart())
                .set(RoundCode.Field.BLOCKS, blocks)
                .call(function);
    }

    /// The bytes of a row of a piece in bfloat16.
    private long pieceBytes(int input) {
        return (long) Math.min(ROUNDED_INPUTS, padded(inputs) - input) * Short.BYTES;
    }

    private static int padded(int inputs) {
        return Math.ceilDiv(inputs, Arithmetic.BLOCK) * Arithmetic.BLOCK;
    }

    @Override
    public void close() {
        floats.close();
        rounded.close();
        quantized.close();
        last.close();
    }
}
