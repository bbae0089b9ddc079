package org.sparkqwen.engine.kernels.code.builder;

import static org.sparkqwen.engine.kernels.code.x86.Gpr.R10;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R8;
import static org.sparkqwen.engine.kernels.code.x86.Gpr.R9;
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
import org.sparkqwen.engine.kernels.code.x86.Ymm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Writes the function of [ScoreCode] for AVX2. A vector holds one key's scores with 8 queries.
///
/// At most three vectors of queries and four keys fill 12 of the 16 registers, and 6 cycles of multiply-adds take 7
/// loads. More queries pass over the keys again, so that theirs and the keys stay in the first-level cache.
final class Avx2ScoreCode {
    /// The most vectors of queries, each of which has 8.
    static final int MOST_VECTORS = ScoreCode.MOST_VECTORS * Zmm.FLOATS / Ymm.FLOATS;

    /// The most vectors of queries that pass over the keys together.
    private static final int TOGETHER = 3;

    /// The number of keys whose scores are in registers, half of a tile's.
    private static final int KEYS = 4;

    private static final int KEY_ROW = KeyValueBlock.TOKENS * Float.BYTES;
    private static final Gpr QUERY = RSI;
    private static final Gpr KEY = RDX;
    private static final Gpr COUNT = RCX;
    private static final Gpr SCORE = R8;
    private static final Gpr TILES = R9;
    private static final Gpr FIRST_KEY = R10;

    private static final Ymm BROADCAST = new Ymm(15);

    private final Assembler asm = new Assembler();
    private final int vectors;

    private Avx2ScoreCode(int vectors) {
        this.vectors = vectors;
    }

    /// @param vectors the number of rows divided by 8, from 1 to [#MOST_VECTORS]
    static byte[] of(int vectors) {
        Avx2ScoreCode code = new Avx2ScoreCode(vectors);
        code.write();
        return code.asm.code();
    }

    private void write() {
        asm.push(RBX);
        ScoreCode.loadAhead(asm);
        int passes = Math.ceilDiv(vectors, TOGETHER);
        int first = 0;
        for (int pass = 0; pass < passes; pass++) {
            int count = Math.ceilDiv(vectors - first, passes - pass);
            pass(first, count);
            first += count;
        }
        asm.vzeroupper();
        asm.pop(RBX);
        asm.ret();
    }

    /// Writes the products of some vectors of queries with all keys.
    private void pass(int first, int count) {
        Label tile = new Label();
        asm.mov(FIRST_KEY, Arguments.of(RDI, ScoreCode.Field.KEYS));
        asm.mov(SCORE, Arguments.of(RDI, ScoreCode.Field.SCORES));
        asm.mov(TILES, Arguments.of(RDI, ScoreCode.Field.TILES));
        asm.bind(tile);
        for (int key = 0; key < ScoreCode.KEYS; key += KEYS) {
            keys(first, count, first == 0 && key == 0);
        }
        asm.sub(TILES, 1);
        asm.jump(Condition.NOT_EQUAL, tile);
    }

    /// @param requests whether what is needed next is requested meanwhile
    private void keys(int first, int count, boolean requests) {
        asm.mov(QUERY, Arguments.of(RDI, ScoreCode.Field.QUERIES));
        asm.mov(KEY, FIRST_KEY);
        eachScore(count, (key, vector, score) -> asm.vpxord(score, score, score));
        inputs(first, count, ScoreCode.Field.TURNS, ScoreCode.UNROLLED, requests);
        inputs(first, count, ScoreCode.Field.REST, 1, false);
        eachScore(
                count,
                (key, vector, score) ->
                        asm.vmovups(Address.at(SCORE, key * row() + (first + vector) * Ymm.BYTES), score));
        asm.add(FIRST_KEY, KEYS * Float.BYTES);
        asm.add(SCORE, KEYS * row());
    }

    private void inputs(int first, int count, ScoreCode.Field turns, int unrolled, boolean requests) {
        CountedLoop.write(asm, COUNT, Arguments.of(RDI, turns), () -> {
            for (int input = 0; input < unrolled; input++) {
                input(input, first, count);
            }
            if (requests) {
                ScoreCode.requestAhead(asm);
            }
            asm.add(QUERY, unrolled * row());
            asm.add(KEY, unrolled * KEY_ROW);
        });
    }

    private void input(int input, int first, int count) {
        for (int vector = 0; vector < count; vector++) {
            asm.vmovups(query(vector), Address.at(QUERY, input * row() + (first + vector) * Ymm.BYTES));
        }
        for (int key = 0; key < KEYS; key++) {
            asm.vbroadcastss(BROADCAST, Address.at(KEY, input * KEY_ROW + key * Float.BYTES));
            for (int vector = 0; vector < count; vector++) {
                asm.vfmadd231ps(score(key, vector), BROADCAST, query(vector));
            }
        }
    }

    private interface ScoreWork {
        void on(int key, int vector, Ymm score);
    }

    private static void eachScore(int count, ScoreWork work) {
        for (int key = 0; key < KEYS; key++) {
            for (int vector = 0; vector < count; vector++) {
                work.on(key, vector, score(key, vector));
            }
        }
    }

    /// The bytes of one key's scores, and of one input of the queries.
    private int row() {
        return vectors * Ymm.BYTES;
    }

    private static Ymm score(int key, int vector) {
        return new Ymm(key * TOGETHER + vector);
    }

    private static Ymm query(int vector) {
        return new Ymm(KEYS * TOGETHER + vector);
    }
}
