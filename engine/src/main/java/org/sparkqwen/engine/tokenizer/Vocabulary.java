package org.sparkqwen.engine.tokenizer;

import java.util.Map;
import java.util.OptionalInt;

/// All tokens, base tokens and added ones, by id and by their spelling in tokenizer.json.
final class Vocabulary {
    private static final byte[] NO_BYTES = {};

    private final Map<String, Integer> idOfToken;
    private final byte[][] bytesOfId;

    /// @param idOfToken kept and not copied; ids are distinct, not negative, and small enough to index an
    ///     array
    Vocabulary(Map<String, Integer> idOfToken) {
        this.idOfToken = idOfToken;
        int highest = -1;
        for (int id : idOfToken.values()) {
            highest = Math.max(highest, id);
        }
        bytesOfId = new byte[highest + 1][];
        idOfToken.forEach((token, id) -> bytesOfId[id] = ByteAlphabet.bytesOf(token));
        for (int id = 0; id <= highest; id++) {
            if (bytesOfId[id] == null) {
                bytesOfId[id] = NO_BYTES;
            }
        }
    }

    /// Returns the highest id + 1.
    int size() {
        return bytesOfId.length;
    }

    OptionalInt idOf(String token) {
        Integer id = idOfToken.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /// Returns the bytes of a token, which must not be written to. An id without a token has none.
    byte[] bytes(int id) {
        return 0 <= id && id < bytesOfId.length ? bytesOfId[id] : NO_BYTES;
    }
}
