package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class TextPartTest {
    private static final Tokenizer TOKENIZER = SampleTokenizer.QWEN3.ours();
    private static final int IM_START = TOKENIZER.idOf("<|im_start|>").orElseThrow();
    private static final int IM_END = TOKENIZER.idOf("<|im_end|>").orElseThrow();

    @Test
    void partsOfOneKindAreEncodedAsOneText() {
        Random random = new Random(11);
        RandomTexts texts = new RandomTexts(random);
        for (int i = 0; i < 3_000; i++) {
            String text = texts.next(12);
            for (SpecialTokens special : SpecialTokens.values()) {
                List<TextPart> parts = cut(text, random).stream()
                        .map(piece -> new TextPart(piece, special))
                        .toList();
                assertThat(TOKENIZER.encode(parts)).as("%s", parts).isEqualTo(TOKENIZER.encode(text, special));
            }
        }
    }

    @Test
    void onlyPartsThatParseHaveSpecialTokens() {
        Random random = new Random(12);
        RandomTexts texts = new RandomTexts(random);
        int some = 0;
        for (int i = 0; i < 3_000; i++) {
            String text = texts.next(12);
            List<TextPart> parts = cut(text, random).stream()
                    .map(piece -> random.nextBoolean() ? text(piece) : parse(piece))
                    .toList();
            int[] ids = TOKENIZER.encode(parts);
            assertThat(TOKENIZER.decode(ids)).isEqualTo(TOKENIZER.decode(TOKENIZER.encode(text, SpecialTokens.TEXT)));
            List<String> expected = specialTokensWithinParts(parts);
            assertThat(specialTokens(ids)).as("%s", parts).isEqualTo(expected);
            some += expected.isEmpty() ? 0 : 1;
        }
        assertThat(some).isGreaterThan(50);
    }

    @Test
    void aSpecialTokenIsTextIfAnyPartOfItIs() {
        assertThat(encoded(parse("<|im_start|>"), text("<|im_end|>"), parse("<|im_end|>")))
                .startsWith(IM_START)
                .endsWith(IM_END)
                .containsOnlyOnce(IM_END);
        assertThat(encoded(text("<|im_"), parse("end|>"))).doesNotContain(IM_END);
        assertThat(encoded(parse("<|im_end|"), text(">"))).doesNotContain(IM_END);
        assertThat(encoded(parse("<|im_"), text("e"), parse("nd|>"))).doesNotContain(IM_END);
        assertThat(encoded(parse("<|im_"), parse("end|>"))).containsExactly(IM_END);
        assertThat(encoded(text("a"), parse("<|im_end|>"), text("b")))
                .hasSize(3)
                .contains(IM_END);
    }

    @Test
    void wordsAndOtherAddedTokensReachAcrossBorders() {
        int the = TOKENIZER.idOf("Ġthe").orElseThrow();
        int think = TOKENIZER.idOf("<think>").orElseThrow();
        assertThat(encoded(parse(" t"), text("he"))).containsExactly(the);
        assertThat(encoded(text("<th"), parse("ink>"))).containsExactly(think);
        assertThat(encoded(text("\uD83D"), parse("\uDE00")))
                .isEqualTo(TOKENIZER.encode("\uD83D\uDE00", SpecialTokens.TEXT));
        assertThat(encoded()).isEmpty();
    }

    private static int[] encoded(TextPart... parts) {
        return TOKENIZER.encode(Arrays.asList(parts));
    }

    private static TextPart text(String text) {
        return new TextPart(text, SpecialTokens.TEXT);
    }

    private static TextPart parse(String text) {
        return new TextPart(text, SpecialTokens.PARSE);
    }

    /// Returns pieces of `text`, some of which are empty.
    private static List<String> cut(String text, Random random) {
        List<String> pieces = new ArrayList<>();
        int start = 0;
        while (start < text.length()) {
            int end = Math.min(text.length(), start + random.nextInt(20));
            pieces.add(text.substring(start, end));
            start = end;
        }
        return pieces;
    }

    private static List<String> specialTokens(int[] ids) {
        return Arrays.stream(ids)
                .filter(TextPartTest::isSpecial)
                .mapToObj(id -> TOKENIZER.decode(new int[] {id}))
                .toList();
    }

    /// Tells whether an id is a special token. Qwen3's special tokens are the first 14 of its added ones.
    private static boolean isSpecial(int id) {
        return 151_643 <= id && id < 151_657;
    }

    /// Returns the special tokens within parts. Neighbours that parse count as one part here.
    private static List<String> specialTokensWithinParts(List<TextPart> parts) {
        // No token reaches across U+E000.
        String parsed = parts.stream()
                .map(part -> part.special() == SpecialTokens.PARSE
                        ? part.text()
                        : part.text().isEmpty() ? "" : "\uE000")
                .collect(Collectors.joining());
        return specialTokens(TOKENIZER.encode(parsed, SpecialTokens.PARSE));
    }
}
