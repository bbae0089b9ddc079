package org.sparkqwen.engine.run;

import java.util.Arrays;

/// Token ids as a key of a map: equal lists have the same ids.
record TokenList(int[] ids) {
    @Override
    public boolean equals(Object other) {
        return other instanceof TokenList list && Arrays.equals(ids, list.ids);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(ids);
    }
}
