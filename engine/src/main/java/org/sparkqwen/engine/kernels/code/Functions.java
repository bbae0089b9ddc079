package org.sparkqwen.engine.kernels.code;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import org.sparkqwen.engine.kernels.IntegerLayout;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The functions of the back-end as machine code, made once for the JVM.
final class Functions {
    static final MachineCode WIDEN = MachineCode.of(WidenCode.code());
    private static final MachineCode WIDEN_INT8 = MachineCode.of(WidenIntegersCode.code(IntegerLayout.INT8));
    private static final MachineCode WIDEN_INT4 = MachineCode.of(WidenIntegersCode.code(IntegerLayout.INT4));
    static final MachineCode WIDEN_KEYS = MachineCode.of(WidenKeyValuesCode.ofKeys());
    static final MachineCode WIDEN_VALUES = MachineCode.of(WidenKeyValuesCode.ofValues());
    static final MachineCode SOFTMAX = MachineCode.of(SoftmaxCode.code());
    static final MachineCode ROW_SOFTMAX = MachineCode.of(RowSoftmaxCode.code());
    static final MachineCode TRANSPOSE = MachineCode.of(TransposeCode.code());
    static final MachineCode AVERAGE = MachineCode.of(AverageCode.code());
    static final MachineCode GATE = MachineCode.of(GateCode.code());
    static final MachineCode LOG_SUM_EXP = MachineCode.of(LogSumExpCode.code(false));
    static final MachineCode LOG_SUM_EXP_AND_MOMENTS = MachineCode.of(LogSumExpCode.code(true));
    static final MachineCode SCALE = MachineCode.of(ScaleCode.code(false));
    static final MachineCode ADD_SCALED = MachineCode.of(ScaleCode.code(true));
    static final MachineCode ROUND = MachineCode.of(RoundCode.code(false));
    static final MachineCode SPLIT = MachineCode.of(RoundCode.code(true));
    static final MachineCode PAIR_BF16 = MachineCode.of(PairCode.ofBf16());
    static final MachineCode PAIR_F32 = MachineCode.of(PairCode.ofF32());

    static final MachineCode VECTOR_BF16_BURST = MachineCode.of(BurstCode.ofVectors(Assembler::vdpbf16ps));
    static final MachineCode VECTOR_BYTES_BURST = MachineCode.of(BurstCode.ofVectors(Assembler::vpdpbusd));
    static final MachineCode TILE_BF16_BURST = MachineCode.of(BurstCode.ofTiles(Assembler::tdpbf16ps));
    static final MachineCode TILE_BYTES_BURST = MachineCode.of(BurstCode.ofTiles(Assembler::tdpbusd));
    static final MachineCode HALF_BYTES = MachineCode.of(HalfByteCode.code());

    private static final Map<ByteTileKind, MachineCode[]> BYTE_TILES = byteTiles();
    private static final MachineCode[] AMX_BYTE_TILES = {
        MachineCode.of(AmxByteTileCode.of(1)), MachineCode.of(AmxByteTileCode.of(2))
    };

    /// The micro-kernels of AMX, by their registers for rows and by parts of an activation.
    private static final MachineCode[][] AMX_TILES = {
        {MachineCode.of(AmxTileCode.of(1, 1)), MachineCode.of(AmxTileCode.of(1, 2))},
        {MachineCode.of(AmxTileCode.of(2, 1)), MachineCode.of(AmxTileCode.of(2, 2))}
    };

    /// The micro-kernels of each kind, by their tiles' height.
    private static final Map<TileKind, MachineCode[]> TILES = tiles();

    /// The products of queries and keys, by the number of vectors of queries.
    private static final MachineCode[] SCORES = byNumber(ScoreCode.MOST_VECTORS, ScoreCode::of);

    /// The weighted sums of values of each format, by their tiles' height.
    private static final Map<KeyValueFormat, MachineCode[]> WEIGHTED_SUMS = weightedSums();

    private Functions() {}

    /// The function that widens integers of a layout to float32.
    static MachineCode widen(IntegerLayout layout) {
        return switch (layout) {
            case INT8 -> WIDEN_INT8;
            case INT4 -> WIDEN_INT4;
        };
    }

    /// @param vectors from 1 to [ScoreCode#MOST_VECTORS]
    static MachineCode score(int vectors) {
        return SCORES[vectors];
    }

    /// @param height from 1 to [WeightedSumCode#HIGHEST]
    static MachineCode weightedSum(KeyValueFormat format, int height) {
        return Objects.requireNonNull(WEIGHTED_SUMS.get(format))[height];
    }

    private static Map<KeyValueFormat, MachineCode[]> weightedSums() {
        Map<KeyValueFormat, MachineCode[]> sums = new EnumMap<>(KeyValueFormat.class);
        for (KeyValueFormat format : List.of(KeyValueFormat.F32, KeyValueFormat.BF16)) {
            sums.put(format, byNumber(WeightedSumCode.HIGHEST, height -> WeightedSumCode.of(format, height)));
        }
        return sums;
    }

    private static MachineCode[] byNumber(int most, IntFunction<byte[]> code) {
        MachineCode[] functions = new MachineCode[most + 1];
        for (int number = 1; number <= most; number++) {
            functions[number] = MachineCode.of(code.apply(number));
        }
        return functions;
    }

    /// The micro-kernel for tiles of some height.
    ///
    /// @param height from 1 to the kind's highest
    static MachineCode tile(TileKind kind, int height) {
        return Objects.requireNonNull(TILES.get(kind))[height];
    }

    /// The micro-kernel for rows in 8 bits.
    ///
    /// @param height number of rows, from 1 to the kind's highest
    static MachineCode byteTile(ByteTileKind kind, int height) {
        return Objects.requireNonNull(BYTE_TILES.get(kind))[height];
    }

    /// The micro-kernel of AMX for rows in 8 bits.
    ///
    /// @param height number of registers for rows, 1 or 2
    static MachineCode amxByteTile(int height) {
        return AMX_BYTE_TILES[height - 1];
    }

    private static Map<ByteTileKind, MachineCode[]> byteTiles() {
        Map<ByteTileKind, MachineCode[]> tiles = new EnumMap<>(ByteTileKind.class);
        for (ByteTileKind kind : ByteTileKind.values()) {
            tiles.put(kind, byNumber(kind.highest(), height -> ByteTileCode.of(kind, height)));
        }
        return tiles;
    }

    /// The micro-kernel of AMX.
    ///
    /// @param height number of registers for rows, 1 or 2
    /// @param parts number of bfloat16 numbers that stand for an activation, 1 or 2
    static MachineCode amxTile(int height, int parts) {
        return AMX_TILES[height - 1][parts - 1];
    }

    private static Map<TileKind, MachineCode[]> tiles() {
        Map<TileKind, MachineCode[]> tiles = new EnumMap<>(TileKind.class);
        for (TileKind kind : TileKind.values()) {
            tiles.put(kind, byNumber(kind.highest(), height -> TileCode.of(kind, height)));
        }
        return tiles;
    }
}
