package org.sparkqwen.engine.kernels.code.builder;

import java.util.List;
import org.sparkqwen.engine.kernels.code.x86.Address;
import org.sparkqwen.engine.kernels.code.x86.Assembler;
import org.sparkqwen.engine.kernels.code.x86.Gpr;
import org.sparkqwen.engine.kernels.code.x86.Tmm;

/// The use of AMX's tile registers: two by two for sums of 32 rows and 32 outputs, two for rows, and two for weights.
/// `AmxConfigs` has their shapes.
final class AmxRegisters {
    /// The registers of weights, the left outputs first.
    static final List<Tmm> WEIGHTS = List.of(new Tmm(6), new Tmm(7));

    private AmxRegisters() {}

    /// What is written for a register of sums.
    interface Work {
        void on(Tmm sum, int row, int column);
    }

    /// Writes something for each register of sums.
    ///
    /// @param height number of registers of rows, 1 or 2
    static void eachSum(int height, Work work) {
        for (int row = 0; row < height; row++) {
            for (int column = 0; column < WEIGHTS.size(); column++) {
                work.on(sum(row, column), row, column);
            }
        }
    }

    /// The register of sums of a register of rows and one of weights.
    static Tmm sum(int row, int column) {
        return new Tmm(row * WEIGHTS.size() + column);
    }

    /// A register of rows.
    static Tmm rows(int row) {
        return new Tmm(4 + row);
    }

    /// Sets a pointer to the place a register's 16 rows after another.
    static void skipRows(Assembler asm, Gpr to, Gpr from, Gpr stride) {
        asm.lea(to, Address.at(from, stride, Tmm.ROWS / 2, 0));
        asm.lea(to, Address.at(to, stride, Tmm.ROWS / 2, 0));
    }
}
