package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AddedTokensTest {
    @Test
    void theLeftmostAndThenTheLongestMatches() {
        assertThat(found(List.of("ab", "abcd", "bcde", "c"), "abcde")).containsExactly("0-4 abcd");
        assertThat(found(List.of("ab", "abcd", "bcde", "c"), "abce")).containsExactly("0-2 ab", "2-3 c");
        assertThat(found(List.of("ab", "abcd", "bcde", "c"), "aabcdd")).containsExactly("1-5 abcd");
        assertThat(found(List.of("aa"), "aaaaa")).containsExactly("0-2 aa", "2-4 aa");
        assertThat(found(List.of(), "abc")).isEmpty();
        assertThat(found(List.of("a"), "")).isEmpty();
    }

    @Test
    void findsInRandomTextsWhatASearchForEachTokenFinds() {
        Random random = new Random(8);
        for (int i = 0; i < 5_000; i++) {
            List<String> contents = new ArrayList<>();
            for (int j = random.nextInt(5); j >= 0; j--) {
                String content = letters(random, 1 + random.nextInt(5));
                if (!contents.contains(content)) {
                    contents.add(content);
                }
            }
            String text = letters(random, random.nextInt(30));
            assertThat(found(contents, text)).isEqualTo(searched(contents, text));
        }
    }

    private static List<String> found(List<String> contents, String text) {
        Map<String, AddedToken> byContent = new HashMap<>();
        contents.forEach(c -> byContent.put(c, new AddedToken(0, c, false, false, false, false, false)));
        AddedTokens tokens = new AddedTokens(byContent);
        List<String> found = new ArrayList<>();
        for (var match = tokens.next(text, 0); match != null; match = tokens.next(text, match.end())) {
            found.add("%d-%d %s"
                    .formatted(match.start(), match.end(), match.token().content()));
        }
        return found;
    }

    private static List<String> searched(List<String> contents, String text) {
        List<String> found = new ArrayList<>();
        for (int i = 0; i < text.length(); ) {
            String longest = "";
            for (String content : contents) {
                if (text.startsWith(content, i) && content.length() > longest.length()) {
                    longest = content;
                }
            }
            if (!longest.isEmpty()) {
                found.add("%d-%d %s".formatted(i, i + longest.length(), longest));
            }
            i += Math.max(longest.length(), 1);
        }
        return found;
    }

    private static String letters(Random random, int length) {
        StringBuilder letters = new StringBuilder();
        for (int i = 0; i < length; i++) {
            letters.append((char) ('a' + random.nextInt(2)));
        }
        return letters.toString();
    }
}
