package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The tokenizer gives the same results as Hugging Face's tokenizers, on seeded random texts and on all
/// assigned code points (and a sixteenth of those in the huge uniform blocks).
class TokenizerDifferentialTest {
    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    void parsesRandomTextsToTheIdsOfTheReference(SampleTokenizer which) throws IOException {
        assertParsedAsTheReferenceDoes(which, 4_000);
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    @Tag("slow")
    void parsesManyRandomTextsToTheIdsOfTheReference(SampleTokenizer which) throws IOException {
        assertParsedAsTheReferenceDoes(which, 15_000);
    }

    private static void assertParsedAsTheReferenceDoes(SampleTokenizer which, int count) throws IOException {
        RandomTexts texts = new RandomTexts(new Random(1));
        try (HuggingFaceTokenizer reference = which.reference()) {
            for (int i = 0; i < count; i++) {
                String text = texts.next(12);
                assertThat(which.ours().encode(text, SpecialTokens.PARSE))
                        .as(escaped(text))
                        .isEqualTo(ids(reference.encode(text)));
            }
        }
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    void readsSpecialTokensInRandomTextsAsTheReferenceDoes(SampleTokenizer which) throws IOException {
        assertSpecialTokensAreReadAsTheReferenceDoes(which, 1_500);
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    @Tag("slow")
    void readsSpecialTokensInManyRandomTextsAsTheReferenceDoes(SampleTokenizer which) throws IOException {
        assertSpecialTokensAreReadAsTheReferenceDoes(which, 5_000);
    }

    private static void assertSpecialTokensAreReadAsTheReferenceDoes(SampleTokenizer which, int count)
            throws IOException {
        RandomTexts texts = new RandomTexts(new Random(2));
        try (HuggingFaceTokenizer reference = which.referenceWithoutSpecialTokens()) {
            for (int i = 0; i < count; i++) {
                String text = texts.next(12);
                assertThat(which.ours().encode(text, SpecialTokens.TEXT))
                        .as(escaped(text))
                        .isEqualTo(ids(reference.encode(text)));
            }
        }
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    void decodesRandomIdsToTheTextOfTheReference(SampleTokenizer which) throws IOException {
        Random random = new Random(3);
        try (HuggingFaceTokenizer reference = which.reference()) {
            for (int i = 0; i < 5_000; i++) {
                // The tokens of one byte come first. They are half of the ids, so malformed characters of all
                // kinds occur.
                int[] ids = random.ints(random.nextInt(20), 0, which.ours().vocabularySize() + 10)
                        .map(id -> random.nextBoolean() ? id : id % 256)
                        .toArray();
                assertThat(which.ours().decode(ids)).isEqualTo(decoded(reference, ids));
            }
        }
    }

    /// The files of a variant are compared with a tokenizer.json that means the same, as `tokenizer(text)`
    /// does.
    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.tokenizer.TokenizerVariant#all")
    void everyVariantGivesTheIdsOfTheReference(TokenizerVariant variant) throws IOException {
        assertVariantGivesTheIdsOfTheReference(variant, 1_000);
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.tokenizer.TokenizerVariant#all")
    @Tag("slow")
    void everyVariantGivesTheIdsOfTheReferenceForManyTexts(TokenizerVariant variant) throws IOException {
        assertVariantGivesTheIdsOfTheReference(variant, 3_000);
    }

    private static void assertVariantGivesTheIdsOfTheReference(TokenizerVariant variant, int count) throws IOException {
        Random random = new Random(4);
        RandomTexts texts = new RandomTexts(random);
        Tokenizer ours = variant.ours();
        try (HuggingFaceTokenizer reference = variant.reference()) {
            for (int i = 0; i < count; i++) {
                String text = texts.around(variant.tokens());
                assertThat(ours.encodeWhole(text, SpecialTokens.PARSE))
                        .as(escaped(text))
                        .isEqualTo(ids(reference.encode(text)));
            }
        }
    }

    @Test
    void splitsAroundCodePointsAsTheReferenceDoes() throws IOException {
        assertSplitsAroundCodePoints(11);
    }

    @Test
    @Tag("slow")
    void splitsAroundEveryCodePointAsTheReferenceDoes() throws IOException {
        assertSplitsAroundCodePoints(1);
    }

    /// If no merge crosses the end of a word, ids alone would not show it. The reference tells the words,
    /// too.
    ///
    /// @param step the distance of two code points beyond those of the first 1,024
    private static void assertSplitsAroundCodePoints(int step) throws IOException {
        try (HuggingFaceTokenizer reference = SampleTokenizer.TINY.reference()) {
            StringBuilder lines = new StringBuilder();
            for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
                if (isWorthComparing(c) && (c < 1024 || c % step == 0)) {
                    String s = Character.toString(c);
                    lines.append("a%s1%s!%sa %s'%s\u0301 \n\u0345%s\u0334\n".formatted(s, s, s, s, s, s));
                }
                if (lines.length() > 4096 || c == Character.MAX_CODE_POINT) {
                    assertSameWords(reference, lines.toString());
                    lines.setLength(0);
                }
            }
        }
    }

    @Test
    void composesEveryDecompositionAsTheReferenceDoes() throws IOException {
        try (HuggingFaceTokenizer reference = SampleTokenizer.TINY.reference()) {
            StringBuilder line = new StringBuilder();
            for (int c = 0xC0; c < 0x30000; c++) {
                String text = Character.toString(c);
                String decomposed = isWorthComparing(c) ? Normalizer.normalize(text, Normalizer.Form.NFD) : text;
                if (!decomposed.equals(text)) {
                    // The character stands alone, after another mark, with one between, and before one.
                    line.append('\n').append(text);
                    line.append('\n').append(decomposed);
                    line.append("\n\u0F71").append(decomposed);
                    line.append('\n').append(decomposed).insert(lastOf(line), '\u0334');
                    line.append('\n').append(decomposed).insert(lastOf(line), '\u0345');
                    line.append('\n').append(text).append("\u0323\u05B0\u0301");
                }
                if (line.length() > 4096) {
                    assertSameWords(reference, line.toString());
                    line.setLength(0);
                }
            }
            assertSameWords(reference, line.toString());
        }
    }

    /// Returns the index at which the last code point begins.
    private static int lastOf(StringBuilder text) {
        return text.offsetByCodePoints(text.length(), -1);
    }

    /// Selects everything that is assigned, some code points that are not, and some of the huge uniform
    /// blocks.
    private static boolean isWorthComparing(int c) {
        return switch (Character.getType(c)) {
            case Character.SURROGATE -> false;
            case Character.UNASSIGNED, Character.PRIVATE_USE -> c % 64 == 0;
            case Character.OTHER_LETTER ->
                switch (Character.UnicodeScript.of(c)) {
                    case HAN, HANGUL, TANGUT -> c < 0x3400 || c % 16 == 0 || (0xF900 <= c && c < 0xFB00);
                    default -> true;
                };
            default -> true;
        };
    }

    private static void assertSameWords(HuggingFaceTokenizer reference, String text) {
        List<String> ours = words(text);
        List<String> theirs = words(reference.encode(text));
        int same = 0;
        while (same < Math.min(ours.size(), theirs.size()) && ours.get(same).equals(theirs.get(same))) {
            same++;
        }
        // Only the first difference and what follows is shown, because thousands of words may be equal.
        assertThat(ours.stream().skip(same).limit(5).toList())
                .isEqualTo(theirs.stream().skip(same).limit(5).toList());
    }

    private static List<String> words(String text) {
        String normalized = CanonicalComposition.compose(text);
        List<String> words = new ArrayList<>();
        for (int start = 0; start < normalized.length(); ) {
            int end = PreTokenizer.end(normalized, start);
            words.add(escaped(normalized.substring(start, end)));
            start = end;
        }
        return words;
    }

    private static List<String> words(Encoding encoding) {
        List<String> words = new ArrayList<>();
        int[] ids = ids(encoding);
        long[] wordIds = encoding.getWordIds();
        for (int start = 0; start < ids.length; ) {
            int end = start + 1;
            while (end < ids.length && wordIds[end] == wordIds[start]) {
                end++;
            }
            words.add(escaped(SampleTokenizer.TINY.ours().decode(Arrays.copyOfRange(ids, start, end))));
            start = end;
        }
        return words;
    }

    private static int[] ids(Encoding encoding) {
        return Arrays.stream(encoding.getIds()).mapToInt(Math::toIntExact).toArray();
    }

    private static String decoded(HuggingFaceTokenizer reference, int[] ids) {
        return reference.decode(Arrays.stream(ids).asLongStream().toArray(), false);
    }

    /// Escapes a text, so that failures can be read without fonts.
    private static String escaped(String text) {
        StringBuilder escaped = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (StandardCharsets.US_ASCII.newEncoder().canEncode(c) && !Character.isISOControl(c)) {
                escaped.append(c);
            } else {
                escaped.append("\\u%04X".formatted((int) c));
            }
        }
        return escaped.toString();
    }
}
