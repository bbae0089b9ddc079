package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// Chooses tokens where the logits are, so that nobody reads these.
public interface TokenChooser {
    /// Chooses a token of each row. A row's token depends on its logits and its choice alone.
    ///
    /// @param logits `[choices.size(), width]`
    /// @param count number of columns from which tokens are chosen, from the first on
    /// @param choices one for each row
    /// @param tokens `[choices.size()]`: receives the tokens, or [TokenChoice#NONE]
    /// @param chosen `[choices.size()]`: receives the tokens' logits, without changes
    /// @param sums `[choices.size()]`: receives what [Kernels#logSumExp] says of all `width` logits
    void choose(
            MemorySegment logits,
            int width,
            int count,
            List<TokenChoice> choices,
            int[] tokens,
            float[] chosen,
            double[] sums);
}
