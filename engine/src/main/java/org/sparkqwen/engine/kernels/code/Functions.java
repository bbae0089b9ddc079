package org.sparkqwen.engine.kernels.code;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The functions of the back-end as machine code, made once for the JVM.
final class Functions {
    static final MachineCode WIDEN = MachineCode.of(WidenCode.code());
    static final MachineCode SOFTMAX = MachineCode.of(SoftmaxCode.code());
    static final MachineCode ROW_SOFTMAX = MachineCode.of(RowSoftmaxCode.code());
    static final MachineCode TRANSPOSE = MachineCode.of(TransposeCode.code());
    static final MachineCode AVERAGE = MachineCode.of(AverageCode.code());
    static final MachineCode GATE = MachineCode.of(GateCode.code());
    static final MachineCode LOG_SUM_EXP = MachineCode.of(LogSumExpCode.code());
    static final MachineCode SCALE = MachineCode.of(ScaleCode.code(false));
    static final MachineCode ADD_SCALED = MachineCode.of(ScaleCode.code(true));

    /// The micro-kernels of each kind, by their tiles' height.
    private static final Map<TileKind, MachineCode[]> TILES = tiles();

    /// The products of queries and keys, by the number of vectors of queries.
    private static final MachineCode[] SCORES = byNumber(ScoreCode.MOST_VECTORS, ScoreCode::of);

    /// The weighted sums of values of each format, by their tiles' height.
    private static final Map<KeyValueFormat, MachineCode[]> WEIGHTED_SUMS = weightedSums();

    private Functions() {}

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
        for (KeyValueFormat format : KeyValueFormat.values()) {
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

    private static Map<TileKind, MachineCode[]> tiles() {
        Map<TileKind, MachineCode[]> tiles = new EnumMap<>(TileKind.class);
        for (TileKind kind : TileKind.values()) {
            MachineCode[] byHeight = new MachineCode[kind.highest() + 1];
            for (int height = 1; height < byHeight.length; height++) {
                byHeight[height] = MachineCode.of(TileCode.of(kind, height));
            }
            tiles.put(kind, byHeight);
        }
        return tiles;
    }
}
