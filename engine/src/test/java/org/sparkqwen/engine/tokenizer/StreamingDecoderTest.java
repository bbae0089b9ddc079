package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

class StreamingDecoderTest {
    private static final Tokenizer TOKENIZER = SampleTokenizer.QWEN3.ours();

    @ParameterizedTest
    @ValueSource(strings = {"é", "€", "中", "😀", "\uFFFD", "\uDBFF\uDFFF"})
    void aCharacterComesWithItsLastByte(String character) {
        StreamingDecoder decoder = TOKENIZER.streamingDecoder();
        byte[] bytes = character.getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < bytes.length - 1; i++) {
            assertThat(decoder.accept(idOfByte(bytes[i] & 0xFF))).isEmpty();
        }
        assertThat(decoder.accept(idOfByte(bytes[bytes.length - 1] & 0xFF))).isEqualTo(character);
        assertThat(decoder.finish()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0xC2, 0xE2, 0xF0})
    void anIncompleteCharacterIsReplacedOnceAtTheEnd(int firstByte) {
        StreamingDecoder decoder = TOKENIZER.streamingDecoder();
        assertThat(decoder.accept(idOfByte(firstByte))).isEmpty();
        assertThat(decoder.finish()).isEqualTo("\uFFFD");
        assertThat(decoder.finish()).isEmpty();
    }

    @Test
    void textAfterAnIncompleteCharacterIsNotLost() {
        StreamingDecoder decoder = TOKENIZER.streamingDecoder();
        assertThat(decoder.accept(idOfByte(0xE2))).isEmpty();
        assertThat(decoder.accept(idOfByte(0x82))).isEmpty();
        assertThat(decoder.accept(idOfByte('a'))).isEqualTo("\uFFFDa");
    }

    @Test
    void specialTokensAreText() {
        StreamingDecoder decoder = TOKENIZER.streamingDecoder();
        assertThat(decoder.accept(TOKENIZER.idOf("<|im_end|>").orElseThrow())).isEqualTo("<|im_end|>");
        assertThat(decoder.accept(TOKENIZER.vocabularySize())).isEmpty();
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    void thePiecesOfRandomIdsAreTheDecodedText(SampleTokenizer which) {
        Random random = new Random(5);
        for (int i = 0; i < 20_000; i++) {
            // On average, every second token is a single byte, so characters break in every way.
            int[] ids = random.ints(random.nextInt(20), -2, which.ours().vocabularySize() + 2)
                    .map(id -> random.nextBoolean() ? id : Math.floorMod(id, 256))
                    .toArray();
            assertThat(String.join("", pieces(which.ours(), ids)))
                    .isEqualTo(which.ours().decode(ids));
        }
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.tokenizer.SampleTokenizer#ALL")
    void thePiecesOfATextAreItsWholeCharacters(SampleTokenizer which) {
        RandomTexts texts = new RandomTexts(new Random(6));
        for (int i = 0; i < 2_000; i++) {
            int[] ids = which.ours().encode(texts.next(10), SpecialTokens.PARSE);
            List<String> pieces = pieces(which.ours(), ids);
            assertThat(String.join("", pieces)).isEqualTo(which.ours().decode(ids));
            assertThat(pieces.getLast())
                    .as("nothing is left when the text is over")
                    .isEmpty();
        }
    }

    private static List<String> pieces(Tokenizer tokenizer, int[] ids) {
        StreamingDecoder decoder = tokenizer.streamingDecoder();
        List<String> pieces = new ArrayList<>();
        for (int id : ids) {
            pieces.add(decoder.accept(id));
        }
        pieces.add(decoder.finish());
        return pieces;
    }

    private static int idOfByte(int b) {
        return TOKENIZER.idOf(String.valueOf(ByteAlphabet.characterOf(b))).orElseThrow();
    }
}
