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

/// The added tokens of a tokenizer while its files are read. Several files may add the same token, with other flags;
/// what becomes of that is what `AddedVocabulary::add_tokens` of Hugging Face's tokenizers makes of it.
final class AddedVocabulary {
    private final Map<String, Integer> base;
    private final Map<String, Integer> idOfContent = new HashMap<>();
    private final Map<Integer, AddedToken> tokenOfId = new LinkedHashMap<>();
    private final List<AddedToken> specials = new ArrayList<>();
    private final List<AddedToken> others = new ArrayList<>();
    private final Set<String> specialContents = new HashSet<>();
    private int highest = -1; // of the ids of added tokens

    /// @param base ids of the model's own tokens
    AddedVocabulary(Map<String, Integer> base) {
        this.base = base;
    }

    /// The id of a token that is known, added or not.
    OptionalInt idOf(String content) {
        Integer id = idOfContent.getOrDefault(content, base.get(content));
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    boolean contains(String content) {
        return idOfContent.containsKey(content);
    }

    /// The added token of that content.
    ///
    /// @throws IllegalArgumentException if there is none
    AddedToken get(String content) {
        AddedToken token = tokenOfId.get(idOfContent.getOrDefault(content, -1));
        if (token == null) {
            throw new IllegalArgumentException("no such added token");
        }
        return token;
    }

    /// The id that a token gets, or has: the next one after all others, whatever its file says.
    int idFor(String content) {
        return idOf(content).orElse(Math.max(highest + 1, base.size()));
    }

    /// Adds a token, or changes the flags of one.
    ///
    /// @param token its id counts for nothing, see [#idFor]
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

    /// The ids of added tokens.
    BitSet ids() {
        BitSet ids = new BitSet();
        tokenOfId.keySet().forEach(ids::set);
        return ids;
    }

    /// The ids of special tokens.
    BitSet specialIds() {
        BitSet ids = new BitSet();
        specialContents.forEach(content -> ids.set(idFor(content)));
        return ids;
    }

    /// All tokens' ids, by their spelling.
    Map<String, Integer> ids(Map<String, Integer> own) {
        Map<String, Integer> all = new HashMap<>(own);
        all.putAll(idOfContent);
        return all;
    }

    /// The added tokens that are matched in the text as it is.
    AddedTokens ofRawText() {
        return tokens(false, content -> content);
    }

    /// The added tokens that are matched in normalized text.
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
                    // Of two tokens of one normal form the first counts.
                    tokens.putIfAbsent(spelling.apply(token.content()), special ? latest.asSpecial() : latest);
                }
            }
        }
        return new AddedTokens(tokens);
    }
}
