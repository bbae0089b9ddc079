package org.sparkqwen.engine.kernels.code;

import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;

/// The back-end of machine code with instruction sets that it would not choose here, for tests of all that this machine
/// can run.
public final class CodeBackEnds {
    private CodeBackEnds() {}

    public static List<KernelProvider> notChosen() {
        return Arrays.stream(InstructionSet.values())
                .filter(set -> set.obstacle().isEmpty())
                .skip(1)
                .<KernelProvider>map(CodeProvider::new)
                .toList();
    }
}
