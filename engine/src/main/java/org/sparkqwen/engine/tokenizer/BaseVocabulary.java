package org.sparkqwen.engine.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// The model's own tokens while they are read from an object of tokens and ids, and the ids that are taken.
final class BaseVocabulary {
    /// The greatest id, because ids index arrays. The largest published vocabularies have about 260,000
    /// tokens.
    private static final int MAX_ID = (1 << 22) - 1;

    static final String HALF_A_PAIR = "half of a surrogate pair, which is no text";

    private final String place;
    private final String name;
    private final Map<String, Integer> idOfToken = new HashMap<>();
    private final BitSet taken = new BitSet();
    private final int[] idOfByte = new int[256];

    /// @param origin the file
    /// @param key the place of the object in the file; empty if the object is the file
    BaseVocabulary(String origin, String key) {
        place = key.isEmpty() ? origin : "%s: %s".formatted(origin, key);
        name = key.isEmpty() ? TokenizerFiles.VOCABULARY : key;
    }

    /// Reads the tokens.
    ///
    /// @throws InvalidModelException if `vocabulary` is not an object of tokens and ids, two tokens have the
    ///     same id, or a byte has no token
    void read(JsonNode vocabulary) {
        if (!vocabulary.isObject() || vocabulary.isEmpty()) {
            throw new InvalidModelException("%s: expected an object of tokens and their ids".formatted(place));
        }
        vocabulary.properties().forEach(entry -> {
            String token = entry.getKey();
            String where = "%s[\"%s\"]".formatted(place, Quote.of(token));
            if (!isWellFormed(token)) {
                throw new InvalidModelException("%s: %s".formatted(where, HALF_A_PAIR));
            }
            if (!isId(entry.getValue())) {
                throw new InvalidModelException("%s: %s".formatted(where, noId(entry.getValue())));
            }
            int id = entry.getValue().intValue();
            if (taken.get(id)) {
                throw new InvalidModelException("%s: id %d is given to another token too".formatted(where, id));
            }
            taken.set(id);
            idOfToken.put(token, id);
        });
        for (int b = 0; b < idOfByte.length; b++) {
            Integer id = idOfToken.get(String.valueOf(ByteAlphabet.characterOf(b)));
            if (id == null) {
                throw new InvalidModelException(
                        "%s: no token for the byte 0x%02X; a byte-level vocabulary has all 256".formatted(place, b));
            }
            idOfByte[b] = id;
        }
    }

    Map<String, Integer> ids() {
        return idOfToken;
    }

    /// Takes an id for an added token.
    ///
    /// @param where for the message
    /// @throws InvalidModelException if another token has the id
    void take(int id, String content, String where) {
        if (id > MAX_ID || (taken.get(id) && !Integer.valueOf(id).equals(idOfToken.get(content)))) {
            throw new InvalidModelException("%s: %d is given to another token too".formatted(where, id));
        }
        taken.set(id);
    }

    /// Tells whether a token has the id.
    boolean isTaken(int id) {
        return taken.get(id);
    }

    /// Returns the id of each byte's token, `[256]`.
    int[] idOfByte() {
        return idOfByte;
    }

    /// Adds a merge to `table`.
    ///
    /// @param where for the message
    /// @throws InvalidModelException if one of the three tokens is unknown
    void merge(String left, String right, int rank, MergeTable table, String where) {
        table.put(known(left, where), known(right, where), rank, known(left + right, where));
    }

    private int known(String token, String where) {
        Integer id = idOfToken.get(token);
        if (id == null) {
            throw new InvalidModelException("%s: \"%s\" is not in %s".formatted(where, Quote.of(token), name));
        }
        return id;
    }

    static boolean isWellFormed(String text) {
        return Tokenizer.wellFormed(text).equals(text);
    }

    static boolean isId(JsonNode node) {
        return node.isIntegralNumber() && node.canConvertToInt() && 0 <= node.intValue() && node.intValue() <= MAX_ID;
    }

    static String noId(JsonNode node) {
        return "%s is no id, expected a whole number from 0 to %d"
                .formatted(node.isMissingNode() ? "absent" : Quote.of(node), MAX_ID);
    }
}
