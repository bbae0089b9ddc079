package org.sparkqwen.engine.tokenizer;

import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Finds added tokens in text: the leftmost, and of those that begin there the longest.
///
/// A trie is walked from every place where a token may begin. The time is bounded by the text's length times that of
/// the longest token, which [#LONGEST] bounds.
final class AddedTokens {
    /// The longest content that can be matched in time, in chars.
    static final int LONGEST = 256;

    private final Node root = new Node();

    private final BitSet ids = new BitSet();
    private final BitSet specialIds = new BitSet();

    /// The chars that begin a token; asked for every char of a text.
    private final BitSet beginnings = new BitSet();

    /// An added token at `text[start, end)`.
    record Match(int start, int end, AddedToken token) {}

    private static final class Node {
        final Map<Character, Node> children = new HashMap<>();

        /// The token whose content ends here.
        @Nullable
        AddedToken token;
    }

    /// @param tokens of distinct contents
    AddedTokens(List<AddedToken> tokens) {
        for (AddedToken token : tokens) {
            ids.set(token.id());
            specialIds.set(token.id(), token.special());
            beginnings.set(token.content().charAt(0));
            Node node = root;
            for (char c : token.content().toCharArray()) {
                node = node.children.computeIfAbsent(c, _ -> new Node());
            }
            node.token = token;
        }
    }

    boolean contains(int id) {
        return ids.get(id);
    }

    boolean isSpecial(int id) {
        return specialIds.get(id);
    }

    /// Returns the first match at or after `from`, or null.
    @Nullable
    Match next(String text, int from) {
        for (int start = from; start < text.length(); start++) {
            if (!beginnings.get(text.charAt(start))) {
                continue;
            }
            AddedToken longest = null;
            Node node = root.children.get(text.charAt(start));
            for (int i = start + 1; node != null; i++) {
                if (node.token != null) {
                    longest = node.token;
                }
                node = i < text.length() ? node.children.get(text.charAt(i)) : null;
            }
            if (longest != null) {
                return new Match(start, start + longest.content().length(), longest);
            }
        }
        return null;
    }
}
