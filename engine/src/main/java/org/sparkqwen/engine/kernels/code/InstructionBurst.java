package org.sparkqwen.engine.kernels.code;

import java.util.Optional;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.ProductBurst;
import org.sparkqwen.engine.kernels.code.builder.Arguments;
import org.sparkqwen.engine.kernels.code.builder.BurstCode;
import org.sparkqwen.engine.kernels.code.builder.RoundedFunctions;
import org.sparkqwen.engine.kernels.code.x86.MachineCode;
import org.sparkqwen.engine.kernels.code.x86.Tmm;
import org.sparkqwen.engine.kernels.code.x86.Zmm;

/// Measures the most that an instruction of this back-end can do.
///
/// @param function one of [BurstCode]
/// @param arguments its operands, which threads share, because it only reads them; making them for each burst would
///     take a fifth of its time
/// @param operations number of arithmetic operations of a burst, which takes some hundred microseconds
record InstructionBurst(MachineCode function, Arguments arguments, double operations) implements ProductBurst {
    private static final int VECTOR_TURNS = 1 << 14;
    private static final int TILE_TURNS = 1 << 12;
    private static final double LANES = Zmm.BYTES / (double) Float.BYTES;
    private static final double TILE_SUMS = Tmm.ROWS * LANES;

    /// The burst of the instruction of an arithmetic; empty for multiply-adds of float32.
    ///
    /// @param amx whether products of bytes use AMX
    static Optional<ProductBurst> of(Arithmetic arithmetic, boolean amx) {
        return switch (arithmetic) {
            case FLOATS -> Optional.empty();
            case PAIRS -> Optional.of(ofVectors(RoundedFunctions.VECTOR_BF16_BURST, 2));
            case BLOCKS -> Optional.of(ofTiles(RoundedFunctions.TILE_BF16_BURST, Arithmetic.BLOCK));
            case SPLIT_BLOCKS -> Optional.of(ofTiles(RoundedFunctions.TILE_BF16_BURST, Arithmetic.BLOCK / 2));
            case INTEGERS ->
                Optional.of(
                        amx
                                ? ofTiles(RoundedFunctions.TILE_BYTES_BURST, Tmm.ROW_BYTES)
                                : ofVectors(RoundedFunctions.VECTOR_BYTES_BURST, Integer.BYTES));
        };
    }

    private static ProductBurst ofVectors(MachineCode function, int inputs) {
        return of(function, VECTOR_TURNS, 2 * BurstCode.CHAINS * LANES * inputs);
    }

    private static ProductBurst ofTiles(MachineCode function, int inputs) {
        return of(function, TILE_TURNS, 2 * BurstCode.TILE_CHAINS * TILE_SUMS * inputs);
    }

    /// @param operations number of arithmetic operations of a turn
    private static ProductBurst of(MachineCode function, int turns, double operations) {
        Arguments arguments =
                new Arguments().set(BurstCode.Field.TURNS, turns).set(BurstCode.Field.CONFIG, AmxTiles.configuration());
        return new InstructionBurst(function, arguments, turns * operations);
    }

    @Override
    public double run() {
        arguments.call(function);
        return operations;
    }
}
