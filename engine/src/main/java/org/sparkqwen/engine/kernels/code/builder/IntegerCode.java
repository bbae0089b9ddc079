package org.sparkqwen.engine.kernels.code.builder;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Zmm;
import org.sparkqwen.engine.kernels.format.IntegerLayout;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Writes the instructions that widen the integers of a panel to float32, as [IntegerLayout] describes. They keep the
/// group's scales and the words at hand in registers 16 to 23, and a constant in register 31, which a function that
/// uses this leaves alone.
///
/// **With one or two rows**, widening takes more time than multiplying, and a rotation for each integer is a quarter of
/// it. Integers of 4 bits are then used from three places of a float's mantissa, which differ in the float's exponent
/// and base, so eight integers need two rotations. At each of these places the product of base and scale is exact, as
/// a scale in float16 has 11 significant bits, so the weights are the same. Registers 4 to 15 are in use, too.
public final class IntegerCode {
    /// The greatest number of rows of a tile that leaves room for three places.
    private static final int MOST_ROWS_OF_PLACES = 2;

    /// The lowest bits of the places, and by how many bits words are rotated to the left to bring all integers
    /// there.
    private static final List<Integer> PLACES = List.of(8, 12, 16);
    private static final List<Integer> ROTATIONS = List.of(0, 8, 20);

    private static final int HALVES = TileSums.HALVES;
    private static final int MANTISSA_BITS = 23;
    private static final int HALF_OF_4_BITS = 8;

    // For three places: the words of each rotation and half, the offsets of each place and half
    private static final List<Zmm> WORDS = registers(4, ROTATIONS.size() * HALVES);
    private static final List<Zmm> OFFSETS = registers(10, PLACES.size() * HALVES);
    private static final List<Zmm> MASKS = registers(18, PLACES.size());
    private static final List<Zmm> BASES = registers(21, PLACES.size());

    private static final Zmm LEFT_SCALE = new Zmm(16);
    private static final Zmm RIGHT_SCALE = new Zmm(17);
    private static final Zmm LEFT_OFFSET = new Zmm(18);
    private static final Zmm RIGHT_OFFSET = new Zmm(19);
    private static final Zmm MASK = new Zmm(20);
    private static final Zmm BASE = new Zmm(21);
    private static final Zmm LEFT_WORDS = new Zmm(22);
    private static final Zmm RIGHT_WORDS = new Zmm(23);
    private static final Zmm MINUS_BASE = new Zmm(31);

    /// The truth table of `(a & b) ^ c` for [Assembler#vpternlogd].
    private static final int AND_XOR = 0x6a;

    private static final MemorySegment INT8 = constantsOf(IntegerLayout.INT8);
    private static final MemorySegment INT4 = constantsOf(IntegerLayout.INT4);

    private final Assembler asm;
    private final IntegerLayout layout;
    private final boolean places;

    private IntegerCode(Assembler asm, IntegerLayout layout, boolean places) {
        this.asm = asm;
        this.layout = layout;
        this.places = places;
    }

    private static List<Zmm> registers(int first, int count) {
        return IntStream.range(first, first + count).mapToObj(Zmm::new).toList();
    }

    private static MemorySegment constantsOf(IntegerLayout layout) {
        IntStream first = IntStream.of(
                layout.mask(), Float.floatToRawIntBits(layout.base()), Float.floatToRawIntBits(-layout.base()));
        IntStream masks = PLACES.stream().mapToInt(place -> (2 * HALF_OF_4_BITS - 1) << place);
        IntStream bases = PLACES.stream().mapToInt(IntegerCode::base);
        int[] all = IntStream.concat(first, IntStream.concat(masks, bases)).toArray();
        return Arena.global().allocateFrom(JAVA_INT, all);
    }

    /// The bits of the float that stands for an integer of 0 at a place.
    private static int base(int place) {
        return Float.floatToRawIntBits((float) (1 << (MANTISSA_BITS - place))) | HALF_OF_4_BITS << place;
    }

    /// The address of a layout's constants, which a function gets with its operands.
    public static long constants(IntegerLayout layout) {
        return switch (layout) {
            case INT8 -> INT8.address();
            case INT4 -> INT4.address();
        };
    }

    /// Loads the constants.
    ///
    /// @param from has their address
    static IntegerCode withConstants(Assembler asm, IntegerLayout layout, Gpr from) {
        asm.vbroadcastss(MASK, Address.at(from, 0));
        asm.vbroadcastss(BASE, Address.at(from, Integer.BYTES));
        asm.vbroadcastss(MINUS_BASE, Address.at(from, 2 * Integer.BYTES));
        return new IntegerCode(asm, layout, false);
    }

    /// Loads the constants for tiles of some height.
    ///
    /// @param from has their address
    static IntegerCode ofTile(Assembler asm, IntegerLayout layout, int height, Gpr from) {
        if (layout != IntegerLayout.INT4 || height > MOST_ROWS_OF_PLACES) {
            return withConstants(asm, layout, from);
        }
        for (int i = 0; i < PLACES.size(); i++) {
            asm.vbroadcastss(MASKS.get(i), Address.at(from, (3 + i) * Integer.BYTES));
            asm.vbroadcastss(BASES.get(i), Address.at(from, (3 + PLACES.size() + i) * Integer.BYTES));
        }
        return new IntegerCode(asm, layout, true);
    }

    /// Loads the scales of a group, and passes its header.
    ///
    /// @param panel has the address of the group, and then of its first row of words
    public void scales(Gpr panel) {
        switch (layout) {
            case INT8 -> {
                asm.vmovups(LEFT_SCALE, Address.at(panel, 0));
                asm.vmovups(RIGHT_SCALE, Address.at(panel, Zmm.BYTES));
            }
            case INT4 -> {
                asm.vcvtph2ps(LEFT_SCALE, Address.at(panel, 0));
                asm.vcvtph2ps(RIGHT_SCALE, Address.at(panel, Matrix.PANEL / 2 * Short.BYTES));
            }
        }
        if (places) {
            offsets(LEFT_SCALE, 0);
            offsets(RIGHT_SCALE, 1);
        } else {
            asm.vmulps(LEFT_OFFSET, LEFT_SCALE, MINUS_BASE);
            asm.vmulps(RIGHT_OFFSET, RIGHT_SCALE, MINUS_BASE);
        }
        asm.add(panel, layout.headerBytes());
    }

    private void offsets(Zmm scale, int half) {
        Zmm negated = WORDS.getFirst(); // no words are in use between groups
        asm.vpxord(negated, negated, negated);
        asm.vsubps(negated, negated, scale);
        for (int i = 0; i < PLACES.size(); i++) {
            asm.vmulps(OFFSETS.get(i * HALVES + half), BASES.get(i), negated);
        }
    }

    /// Widens the integers of an input; an input that is the first of its words loads them.
    ///
    /// @param panel has the address of the first row of words
    /// @param input from the first input of that row on
    public void widen(Zmm left, Zmm right, Gpr panel, int input) {
        if (places) {
            if (input % layout.wordInputs() == 0) {
                loadRotated(panel, input / layout.wordInputs() * IntegerLayout.ROW_BYTES);
            }
            widen(left, 0, LEFT_SCALE, input);
            widen(right, 1, RIGHT_SCALE, input);
            return;
        }
        if (input % layout.wordInputs() == 0) {
            int row = input / layout.wordInputs() * IntegerLayout.ROW_BYTES;
            asm.vmovups(LEFT_WORDS, Address.at(panel, row));
            asm.vmovups(RIGHT_WORDS, Address.at(panel, row + Zmm.BYTES));
        }
        widen(left, LEFT_WORDS, LEFT_SCALE, LEFT_OFFSET, input);
        widen(right, RIGHT_WORDS, RIGHT_SCALE, RIGHT_OFFSET, input);
    }

    private void loadRotated(Gpr panel, int offset) {
        for (int half = 0; half < HALVES; half++) {
            Zmm words = WORDS.get(half);
            asm.vmovups(words, Address.at(panel, offset + half * Zmm.BYTES));
            for (int i = 1; i < ROTATIONS.size(); i++) {
                asm.vprold(WORDS.get(i * HALVES + half), words, ROTATIONS.get(i));
            }
        }
    }

    private void widen(Zmm to, int half, Zmm scale, int input) {
        int rotation = 0;
        while (!PLACES.contains(place(input, rotation))) {
            rotation++;
        }
        int place = PLACES.indexOf(place(input, rotation));
        asm.vmovups(to, WORDS.get(rotation * HALVES + half));
        asm.vpternlogd(to, MASKS.get(place), BASES.get(place), AND_XOR);
        asm.vfmadd213ps(to, scale, OFFSETS.get(place * HALVES + half));
    }

    /// The lowest bit of an input's integer in a word that is rotated.
    private int place(int input, int rotation) {
        return (layout.shift(input) + ROTATIONS.get(rotation)) % Integer.SIZE;
    }

    private void widen(Zmm to, Zmm words, Zmm scale, Zmm offset, int input) {
        asm.vprold(to, words, layout.rotation(input));
        asm.vpternlogd(to, MASK, BASE, AND_XOR);
        asm.vfmadd213ps(to, scale, offset);
    }
}
