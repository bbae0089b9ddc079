package org.sparkqwen.engine.tokenizer;

import java.util.Map;
import java.util.OptionalInt;

/// Every token, base and added, by id and by its spelling in tokenizer.json.
final class Vocabulary {
    private static final byte[] NO_BYTES = {};

    private final Map<String, Integer> idOfToken;
    private final byte[][] bytesOfId;

    /// @param idOfToken kept, not copied; ids are distinct, not negative, and small enough to index an array
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

    /// Highest id + 1.
    int size() {
        return bytesOfId.length;
    }

    OptionalInt idOf(String token) {
        Integer id = idOfToken.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /// The bytes of a token, not to be written to; none for an id without a token.
    byte[] bytes(int id) {
        return 0 <= id && id < bytesOfId.length ? bytesOfId[id] : NO_BYTES;
    }
}
