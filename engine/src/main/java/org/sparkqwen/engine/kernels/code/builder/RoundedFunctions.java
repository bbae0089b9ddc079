package org.sparkqwen.engine.kernels.code.builder;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;

/// The functions of the precisions other than float32 as machine code, made once for the JVM. They need AVX-512 or AMX.
public final class RoundedFunctions {
    public static final MachineCode ROUND = MachineCode.of(RoundCode.code(false));
    public static final MachineCode SPLIT = MachineCode.of(RoundCode.code(true));
    public static final MachineCode PAIR_BF16 = MachineCode.of(PairCode.ofBf16());
    public static final MachineCode PAIR_F32 = MachineCode.of(PairCode.ofF32());

    public static final MachineCode VECTOR_BF16_BURST = MachineCode.of(BurstCode.ofVectors(Assembler::vdpbf16ps));
    public static final MachineCode VECTOR_BYTES_BURST = MachineCode.of(BurstCode.ofVectors(Assembler::vpdpbusd));
    public static final MachineCode TILE_BF16_BURST = MachineCode.of(BurstCode.ofTiles(Assembler::tdpbf16ps));
    public static final MachineCode TILE_BYTES_BURST = MachineCode.of(BurstCode.ofTiles(Assembler::tdpbusd));
    public static final MachineCode HALF_BYTES = MachineCode.of(HalfByteCode.code());

    private static final Map<ByteTileKind, MachineCode[]> BYTE_TILES = byteTiles();
    private static final MachineCode[] AMX_BYTE_TILES = {
        MachineCode.of(AmxByteTileCode.of(1)), MachineCode.of(AmxByteTileCode.of(2))
    };

    /// The micro-kernels of AMX, by their registers for rows and by parts of an activation.
    private static final MachineCode[][] AMX_TILES = {
        {MachineCode.of(AmxTileCode.of(1, 1)), MachineCode.of(AmxTileCode.of(1, 2))},
        {MachineCode.of(AmxTileCode.of(2, 1)), MachineCode.of(AmxTileCode.of(2, 2))}
    };

    private RoundedFunctions() {}

    /// The micro-kernel for rows in 8 bits.
    ///
    /// @param height number of rows, from 1 to the kind's highest
    public static MachineCode byteTile(ByteTileKind kind, int height) {
        return Objects.requireNonNull(BYTE_TILES.get(kind))[height];
    }

    /// The micro-kernel of AMX for rows in 8 bits.
    ///
    /// @param height number of registers for rows, 1 or 2
    public static MachineCode amxByteTile(int height) {
        return AMX_BYTE_TILES[height - 1];
    }

    private static Map<ByteTileKind, MachineCode[]> byteTiles() {
        Map<ByteTileKind, MachineCode[]> tiles = new EnumMap<>(ByteTileKind.class);
        for (ByteTileKind kind : ByteTileKind.values()) {
            tiles.put(kind, Functions.byNumber(kind.highest(), height -> ByteTileCode.of(kind, height)));
        }
        return tiles;
    }

    /// The micro-kernel of AMX.
    ///
    /// @param height number of registers for rows, 1 or 2
    /// @param parts number of bfloat16 numbers that stand for an activation, 1 or 2
    public static MachineCode amxTile(int height, int parts) {
        return AMX_TILES[height - 1][parts - 1];
    }
}
