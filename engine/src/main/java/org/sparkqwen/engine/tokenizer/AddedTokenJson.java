package org.sparkqwen.engine.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;

/// An added token as an object of a JSON file.
///
/// @param where the file and the place in it, for messages
record AddedTokenJson(String where, JsonNode node) {
    /// Returns the token.
    ///
    /// @param absentNormalized the value of `normalized` if the key is absent
    AddedToken token(String content, boolean special, boolean absentNormalized) {
        return new AddedToken(
                0,
                content,
                special,
                flag("normalized", absentNormalized),
                flag("lstrip", false),
                flag("rstrip", false),
                flag("single_word", false));
    }

    String content(String key) {
        return content(node.path(key), "%s.%s".formatted(where, key));
    }

    /// Returns the content of a token.
    ///
    /// @param place for the message
    /// @throws InvalidModelException if `node` is not a text that a token can have
    static String content(JsonNode node, String place) {
        if (!node.isTextual() || node.textValue().isEmpty()) {
            throw new InvalidModelException("%s: expected a text that is not empty".formatted(place));
        }
        return content(node.textValue(), place);
    }

    static String content(String text, String place) {
        if (text.isEmpty()) {
            throw new InvalidModelException("%s: expected a text that is not empty".formatted(place));
        }
        if (text.length() > AddedTokens.LONGEST) {
            throw new InvalidModelException("%s: longer than %d characters".formatted(place, AddedTokens.LONGEST));
        }
        if (!BaseVocabulary.isWellFormed(text)) {
            throw new InvalidModelException("%s: %s".formatted(place, BaseVocabulary.HALF_A_PAIR));
        }
        return text;
    }

    boolean requiredFlag(String key) {
        JsonNode value = node.path(key);
        if (!value.isBoolean()) {
            throw new InvalidModelException("%s.%s: %s, expected true or false"
                    .formatted(where, key, value.isMissingNode() ? "absent" : Quote.of(value)));
        }
        return value.booleanValue();
    }

    boolean flag(String key, boolean absent) {
        return node.has(key) ? requiredFlag(key) : absent;
    }
}
