package org.sparkqwen.engine.kernels.code.x86;

import java.util.ArrayList;
import java.util.List;

/// A place in the code of an [Assembler], to which instructions jump before or after it is known.
public final class Label {
    private static final int UNKNOWN = -1;

    /// The offset of the place from the start of the code.
    int offset = UNKNOWN;

    /// The offsets of distances that must be filled in once the place is known; each is the last of its
    /// instruction.
    final List<Integer> references = new ArrayList<>();

    boolean isBound() {
        return offset != UNKNOWN;
    }
}
