package org.sparkqwen.engine.kernels.code;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.sparkqwen.engine.kernels.IntegerLayout;

/// The functions of the back-end as machine code, made once for the JVM.
final class Functions {
    static final MachineCode WIDEN = MachineCode.of(WidenCode.code());
    static final MachineCode WIDEN_INT8 = MachineCode.of(WidenIntegersCode.code(IntegerLayout.INT8));
    static final MachineCode WIDEN_INT4 = MachineCode.of(WidenIntegersCode.code(IntegerLayout.INT4));
    static final MachineCode SOFTMAX = MachineCode.of(SoftmaxCode.code());
    static final MachineCode GATE = MachineCode.of(GateCode.code());
    static final MachineCode LOG_SUM_EXP = MachineCode.of(LogSumExpCode.code());
    static final MachineCode SCALE = MachineCode.of(ScaleCode.code(false));
    static final MachineCode ADD_SCALED = MachineCode.of(ScaleCode.code(true));

    /// The micro-kernels of each kind, by their tiles' height.
    private static final Map<TileKind, MachineCode[]> TILES = tiles();

    private Functions() {}

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
