package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R11;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RAX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RBX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RCX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDI;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RDX;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.RSI;

import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Condition;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Label;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes the products of attention's queries with the keys of a block, eight keys at a time. A vector holds one key's
/// scores with 16 queries.
///
/// With three vectors of queries, eight keys fill 24 of the 32 registers, and 12 cycles of multiply-adds take 11 loads.
/// Each score is one chain of `fma` over the numbers of a head in ascending order.
///
/// ```
/// for each tile of eight keys:
///     score[key][0..rows) = 0
///     for each input:
///         score[key][0..rows) += keys[input][key] · queries[input][0..rows)
/// ```
public final class ScoreCode {
    /// The most vectors of queries, each of which has 16.
    public static final int MOST_VECTORS = 3;

    /// The number of keys in a tile.
    public static final int KEYS = 8;

    /// The number of inputs in one turn of the loop.
    public static final int UNROLLED = 8;

    /// The operands, of which addresses are of native memory.
    public enum Field {
        /// `[inputs][rows]`.
        QUERIES,
        /// `[inputs][32 keys]`.
        KEYS,
        /// `[32 keys][rows]`, written.
        SCORES,
        /// The number of turns of eight inputs.
        TURNS,
        /// The number of inputs after these turns.
        REST,
        /// The number of tiles of eight keys.
        TILES,
        /// The address of the keys that are needed next, which are requested.
        KEYS_AHEAD,
        /// The address of the values that are needed next, which are requested.
        VALUES_AHEAD,
        /// The distance from the lines that a turn requests to those of the next turn.
        AHEAD_STEP
    }

    /// The number of lines of keys that a turn requests, and of values.
    private static final int LINES_AHEAD = 4;

    private static final int KEY_ROW = KeyValueBlock.TOKENS * Float.BYTES;
    private static final Gpr QUERY = RSI;
    private static final Gpr KEY = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr SCORE = R8;
    private static final Gpr TILES = R9;
    private static final Gpr FIRST_KEY = R10;
    private static final Gpr KEYS_AHEAD = R11;
    private static final Gpr VALUES_AHEAD = RAX;
    private static final Gpr AHEAD_STEP = RBX;

    private final Assembler asm = new Assembler();
    private final int vectors;

    private ScoreCode(int vectors) {
        this.vectors = vectors;
    }

    /// @param vectors the number of rows divided by 16, from 1 to [#MOST_VECTORS]
    static byte[] of(int vectors) {
        ScoreCode code = new ScoreCode(vectors);
        code.write();
        return code.asm.code();
    }

    private void write() {
        asm.push(RBX);
        asm.mov(FIRST_KEY, Arguments.of(RDI, Field.KEYS));
        asm.mov(SCORE, Arguments.of(RDI, Field.SCORES));
        asm.mov(TILES, Arguments.of(RDI, Field.TILES));
        loadAhead(asm);
        Label tile = new Label();
        asm.bind(tile);
        asm.mov(QUERY, Arguments.of(RDI, Field.QUERIES));
        asm.mov(KEY, FIRST_KEY);
        eachScore((key, vector, score) -> asm.vpxord(score, score, score));
        inputs(Field.TURNS, UNROLLED);
        inputs(Field.REST, 1);
        eachScore((key, vector, score) -> asm.vmovups(Address.at(SCORE, key * row() + vector * Zmm.BYTES), score));
        asm.add(FIRST_KEY, KEYS * Float.BYTES);
        asm.add(SCORE, KEYS * row());
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
        asm.vzeroupper();
        asm.pop(RBX);
        asm.ret();
    }

    private void inputs(Field turns, int unrolled) {
        CountedLoop.write(asm, COUNT, Arguments.of(RDI, turns), () -> {
            for (int input = 0; input < unrolled; input++) {
                input(input);
            }
            if (unrolled == UNROLLED) {
                requestAhead(asm);
            }
            asm.add(QUERY, unrolled * row());
            asm.add(KEY, unrolled * KEY_ROW);
        });
    }

    private void input(int input) {
        for (int vector = 0; vector < vectors; vector++) {
            asm.vmovups(query(vector), Address.at(QUERY, input * row() + vector * Zmm.BYTES));
        }
        for (int key = 0; key < KEYS; key++) {
            Zmm x = new Zmm(KEYS * MOST_VECTORS + MOST_VECTORS + key % 2);
            asm.vbroadcastss(x, Address.at(KEY, input * KEY_ROW + key * Float.BYTES));
            for (int vector = 0; vector < vectors; vector++) {
                asm.vfmadd231ps(score(key, vector), x, query(vector));
            }
        }
    }

    /// Loads the addresses that [#requestAhead] advances. They are in R11 and RAX, and RBX has the step.
    static void loadAhead(Assembler asm) {
        asm.mov(KEYS_AHEAD, Arguments.of(RDI, Field.KEYS_AHEAD));
        asm.mov(VALUES_AHEAD, Arguments.of(RDI, Field.VALUES_AHEAD));
        asm.mov(AHEAD_STEP, Arguments.of(RDI, Field.AHEAD_STEP));
    }

    /// Requests a 64th of the next block, because a block of 128 numbers a head takes 64 turns.
    static void requestAhead(Assembler asm) {
        for (int line = 0; line < LINES_AHEAD; line++) {
            asm.prefetcht1(Address.at(KEYS_AHEAD, line * Zmm.BYTES));
            asm.prefetcht1(Address.at(VALUES_AHEAD, line * Zmm.BYTES));
        }
        asm.add(KEYS_AHEAD, AHEAD_STEP);
        asm.add(VALUES_AHEAD, AHEAD_STEP);
    }

    private interface ScoreWork {
        void on(int key, int vector, Zmm score);
    }

    private void eachScore(ScoreWork work) {
        for (int key = 0; key < KEYS; key++) {
            for (int vector = 0; vector < vectors; vector++) {
                work.on(key, vector, score(key, vector));
            }
        }
    }

    /// The bytes of one key's scores, and of one input of the queries.
    private int row() {
        return vectors * Zmm.BYTES;
    }

    private static Zmm score(int key, int vector) {
        return new Zmm(key * MOST_VECTORS + vector);
    }

    private static Zmm query(int vector) {
        return new Zmm(KEYS * MOST_VECTORS + vector);
    }
}
