package org.sparkqwen.engine.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.UnaryOperator;

/// The added tokens of a tokenizer while its files are read. Several files may add the same token with
/// different flags. The result is that of `AddedVocabulary::add_tokens` in Hugging Face's tokenizers.
final class AddedVocabulary {
    private final Map<String, Integer> base;
    private final Map<String, Integer> idOfContent = new HashMap<>();
    private final Map<Integer, AddedToken> tokenOfId = new LinkedHashMap<>();
    private final List<AddedToken> specials = new ArrayList<>();
    private final List<AddedToken> others = new ArrayList<>();
    private final Set<String> specialContents = new HashSet<>();
    private int highest = -1; // the highest id of an added token

    /// @param base the ids of the model's own tokens
    AddedVocabulary(Map<String, Integer> base) {
        this.base = base;
    }

    /// Returns the id of a known token, whether it is an added token or not.
    OptionalInt idOf(String content) {
        Integer id = idOfContent.getOrDefault(content, base.get(content));
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    boolean contains(String content) {
        return idOfContent.containsKey(content);
    }

    /// Returns the added token with that content.
    ///
    /// @throws IllegalArgumentException if there is none
    AddedToken get(String content) {
        AddedToken token = tokenOfId.get(idOfContent.getOrDefault(content, -1));
        if (token == null) {
            throw new IllegalArgumentException("no such added token");
        }
        return token;
    }

    /// Returns the id that a token has or gets. A new token gets the id after all others, whatever its file
    /// says.
    int idFor(String content) {
        return idOf(content).orElse(Math.max(highest + 1, base.size()));
    }

    /// Adds a token, or changes the flags of a token.
    ///
    /// @param token its id is ignored, see [#idFor]
    void add(AddedToken token) {
        String content = token.content();
        if (token.special() && specialContents.add(content)) {
            specials.add(token);
        }
        int id = idFor(content);
        AddedToken known = token.withId(id);
        if (known.equals(tokenOfId.put(id, known))) {
            return;
        }
        idOfContent.put(content, id);
        highest = Math.max(highest, id);
        if (!specialContents.contains(content)) {
            others.add(token);
        }
    }

    /// Returns the ids of added tokens.
    BitSet ids() {
        BitSet ids = new BitSet();
        tokenOfId.keySet().forEach(ids::set);
        return ids;
    }

    /// Returns the ids of special tokens.
    BitSet specialIds() {
        BitSet ids = new BitSet();
        specialContents.forEach(content -> ids.set(idFor(content)));
        return ids;
    }

    /// Returns the ids of all tokens by their spelling.
    Map<String, Integer> ids(Map<String, Integer> own) {
        Map<String, Integer> all = new HashMap<>(own);
        all.putAll(idOfContent);
        return all;
    }

    /// Returns the added tokens that are matched in the raw text.
    AddedTokens ofRawText() {
        return tokens(false, content -> content);
    }

    /// Returns the added tokens that are matched in normalized text.
    AddedTokens ofNormalizedText(UnaryOperator<String> normalizer) {
        return tokens(true, normalizer);
    }

    private AddedTokens tokens(boolean normalized, UnaryOperator<String> spelling) {
        Map<String, AddedToken> tokens = new LinkedHashMap<>();
        for (List<AddedToken> list : List.of(specials, others)) {
            for (AddedToken token : list) {
                if (token.normalized() == normalized) {
                    AddedToken latest = get(token.content());
                    boolean special = specialContents.contains(token.content());
                    // If two tokens have the same normal form, the first one counts.
                    tokens.putIfAbsent(spelling.apply(token.content()), special ? latest.asSpecial() : latest);
                }
            }
        }
        return new AddedTokens(tokens);
    }
}
