package org.sparkqwen.engine.kernels.code.builder;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.format.IntegerLayout;

/// The functions of float32 arithmetic as machine code of an instruction set, made once for the JVM. A function has the
/// same operands in each set, apart from the numbers that a vector has and the rows that a tile has at most.
public final class Functions {
    /// The instruction set of these functions.
    public final InstructionSet set;

    public final MachineCode widen;
    public final MachineCode widenKeys;
    public final MachineCode widenValues;
    public final MachineCode softmax;
    public final MachineCode rowSoftmax;
    public final MachineCode transpose;
    public final MachineCode average;
    public final MachineCode gate;
    public final MachineCode logSumExp;
    public final MachineCode logSumExpAndMoments;
    public final MachineCode scale;
    public final MachineCode addScaled;

    /// The functions that widen integers of each layout.
    private final Map<IntegerLayout, MachineCode> widenIntegers;

    /// The micro-kernels of each kind, by their tiles' height.
    private final Map<TileKind, MachineCode[]> tiles;

    /// The products of queries and keys, by the number of vectors of queries.
    private final MachineCode[] scores;

    /// The weighted sums of values of each format, by their tiles' height.
    private final Map<KeyValueFormat, MachineCode[]> weightedSums;

    private Functions(InstructionSet set) {
        this.set = set;
        widen = MachineCode.of(WidenCode.code(set));
        widenKeys = MachineCode.of(WidenKeyValuesCode.ofKeys(set));
        widenValues = MachineCode.of(WidenKeyValuesCode.ofValues(set));
        softmax = MachineCode.of(SoftmaxCode.code(set));
        rowSoftmax = MachineCode.of(RowSoftmaxCode.code(set));
        transpose = MachineCode.of(
                switch (set) {
                    case AVX_512 -> TransposeCode.code();
                    case AVX2 -> Avx2TransposeCode.code();
                });
        average = MachineCode.of(AverageCode.code(set));
        gate = MachineCode.of(GateCode.code(set));
        logSumExp = MachineCode.of(LogSumExpCode.code(set, false));
        logSumExpAndMoments = MachineCode.of(LogSumExpCode.code(set, true));
        scale = MachineCode.of(ScaleCode.code(set, false));
        addScaled = MachineCode.of(ScaleCode.code(set, true));
        widenIntegers = new EnumMap<>(IntegerLayout.class);
        for (IntegerLayout layout : IntegerLayout.values()) {
            widenIntegers.put(layout, MachineCode.of(WidenIntegersCode.code(set, layout)));
        }
        tiles = new EnumMap<>(TileKind.class);
        for (TileKind kind : TileKind.values()) {
            if (set == InstructionSet.AVX_512 || !kind.pairs()) {
                tiles.put(kind, byNumber(highest(kind), height -> tileCode(kind, height)));
            }
        }
        scores = switch (set) {
            case AVX_512 -> byNumber(ScoreCode.MOST_VECTORS, ScoreCode::of);
            case AVX2 -> byNumber(Avx2ScoreCode.MOST_VECTORS, Avx2ScoreCode::of);
        };
        weightedSums = new EnumMap<>(KeyValueFormat.class);
        for (KeyValueFormat format : List.of(KeyValueFormat.F32, KeyValueFormat.BF16)) {
            weightedSums.put(format, byNumber(highestWeightedSum(), height -> weightedSumCode(format, height)));
        }
    }

    public static Functions of(InstructionSet set) {
        return switch (set) {
            case AVX_512 -> OfAvx512.FUNCTIONS;
            case AVX2 -> OfAvx2.FUNCTIONS;
        };
    }

    private static final class OfAvx512 {
        static final Functions FUNCTIONS = new Functions(InstructionSet.AVX_512);
    }

    private static final class OfAvx2 {
        static final Functions FUNCTIONS = new Functions(InstructionSet.AVX2);
    }

    private byte[] tileCode(TileKind kind, int height) {
        return switch (set) {
            case AVX_512 -> TileCode.of(kind, height);
            case AVX2 -> Avx2TileCode.of(kind, height);
        };
    }

    private byte[] weightedSumCode(KeyValueFormat format, int height) {
        return switch (set) {
            case AVX_512 -> WeightedSumCode.of(format, height);
            case AVX2 -> Avx2WeightedSumCode.of(format, height);
        };
    }

    /// Makes a function for each number from 1 to `most`.
    static MachineCode[] byNumber(int most, IntFunction<byte[]> code) {
        MachineCode[] functions = new MachineCode[most + 1];
        for (int number = 1; number <= most; number++) {
            functions[number] = MachineCode.of(code.apply(number));
        }
        return functions;
    }

    /// The function that widens integers of a layout to float32.
    public MachineCode widen(IntegerLayout layout) {
        return Objects.requireNonNull(widenIntegers.get(layout));
    }

    /// @param vectors number of vectors of queries, from 1 to those of `CodeAttention.ROWS` queries
    public MachineCode score(int vectors) {
        return scores[vectors];
    }

    /// @param height from 1 to [#highestWeightedSum]
    public MachineCode weightedSum(KeyValueFormat format, int height) {
        return Objects.requireNonNull(weightedSums.get(format))[height];
    }

    /// The number of rows of the highest tile of a weighted sum.
    public int highestWeightedSum() {
        return switch (set) {
            case AVX_512 -> WeightedSumCode.HIGHEST;
            case AVX2 -> Avx2WeightedSumCode.HIGHEST;
        };
    }

    /// The micro-kernel for tiles of some height.
    ///
    /// @param height from 1 to [#highest]
    public MachineCode tile(TileKind kind, int height) {
        return Objects.requireNonNull(tiles.get(kind))[height];
    }

    /// The number of rows of the highest tile of a kind.
    public int highest(TileKind kind) {
        return switch (set) {
            case AVX_512 -> kind.highest();
            case AVX2 -> Avx2TileCode.highest(kind);
        };
    }
}
