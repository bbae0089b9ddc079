package org.sparkqwen.engine.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Finds added tokens in text. It finds the leftmost token, and the longest of those that begin at the same
/// place.
///
/// A trie is walked from every place where a token may begin. The time is limited by the length of the text
/// times the length of the longest token, which [#LONGEST] limits.
final class AddedTokens {
    /// The greatest length in chars of a content that can be matched in time.
    static final int LONGEST = 256;

    private final Node root = new Node();

    /// The chars that begin a token. This set is asked about every char of a text.
    private final BitSet beginnings = new BitSet();

    /// An added token whose spelling is `text[start, end)`.
    record Match(int start, int end, AddedToken token) {}

    /// A part of a text: an added token, or the text between two of them.
    record Piece(int start, int end, @Nullable AddedToken token) {}

    private static final class Node {
        final Map<Character, Node> children = new HashMap<>();

        /// The token whose spelling ends at this node.
        @Nullable
        AddedToken token;
    }

    /// @param tokens by the strings that are matched in the text
    AddedTokens(Map<String, AddedToken> tokens) {
        tokens.forEach((spelling, token) -> {
            beginnings.set(spelling.charAt(0));
            Node node = root;
            for (int i = 0; i < spelling.length(); i++) {
                node = node.children.computeIfAbsent(spelling.charAt(i), _ -> new Node());
            }
            node.token = token;
        });
    }

    boolean isEmpty() {
        return beginnings.isEmpty();
    }

    /// Cuts a text into added tokens and the parts between them, as `AddedVocabulary::find_matches` of
    /// Hugging Face's tokenizers does. If a match is dropped because of its flags, its chars are not searched
    /// again.
    ///
    /// @param asText the chars of `text` that special tokens must not contain
    List<Piece> pieces(String text, BitSet asText) {
        List<Piece> pieces = new ArrayList<>();
        int cut = 0; // the end of the last piece
        int whiteSpaceEnd = 0; // the end of the run that was walked last, so that no run is walked twice
        for (Match match = next(text, 0); match != null; match = next(text, match.end())) {
            AddedToken token = match.token();
            boolean forbidden = token.special() && isAnySet(asText, match.start(), match.end());
            if (forbidden || (token.singleWord() && !standsAlone(text, match))) {
                continue; // it belongs to the text around it
            }
            int start = match.start();
            while (token.lstrip() && start > cut && PreTokenizer.isWhiteSpace(text.charAt(start - 1))) {
                start--;
            }
            int end = match.end();
            if (token.rstrip()) {
                whiteSpaceEnd = Math.max(whiteSpaceEnd, end);
                while (whiteSpaceEnd < text.length() && PreTokenizer.isWhiteSpace(text.charAt(whiteSpaceEnd))) {
                    whiteSpaceEnd++;
                }
                end = whiteSpaceEnd;
            }
            if (cut < start) {
                pieces.add(new Piece(cut, start, null));
            }
            pieces.add(new Piece(start, end, token));
            cut = end;
        }
        if (cut < text.length()) {
            pieces.add(new Piece(cut, text.length(), null));
        }
        return pieces;
    }

    private static boolean isAnySet(BitSet bits, int from, int to) {
        int first = bits.nextSetBit(from);
        return 0 <= first && first < to;
    }

    private static boolean standsAlone(String text, Match match) {
        boolean before = match.start() > 0 && isWordCharacter(text.codePointBefore(match.start()));
        boolean behind = match.end() < text.length() && isWordCharacter(text.codePointAt(match.end()));
        return !before && !behind;
    }

    /// Tells whether a code point is in `\w` of Unicode Technical Standard 18, which Rust's regular
    /// expressions follow.
    private static boolean isWordCharacter(int codePoint) {
        return Character.isAlphabetic(codePoint)
                || switch (Character.getType(codePoint)) {
                    case Character.NON_SPACING_MARK,
                            Character.ENCLOSING_MARK,
                            Character.COMBINING_SPACING_MARK,
                            Character.DECIMAL_DIGIT_NUMBER,
                            Character.CONNECTOR_PUNCTUATION -> true;
                    default -> codePoint == 0x200C || codePoint == 0x200D; // the two joiners
                };
    }

    /// Returns the first match at or after `from`, or null.
    @Nullable
    Match next(String text, int from) {
        for (int start = from; start < text.length(); start++) {
            if (!beginnings.get(text.charAt(start))) {
                continue;
            }
            AddedToken longest = null;
            int end = start;
            Node node = root.children.get(text.charAt(start));
            for (int i = start + 1; node != null; i++) {
                if (node.token != null) {
                    longest = node.token;
                    end = i;
                }
                node = i < text.length() ? node.children.get(text.charAt(i)) : null;
            }
            if (longest != null) {
                return new Match(start, end, longest);
            }
        }
        return null;
    }
}
