package org.sparkqwen.engine.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerTest {
    private static final Tokenizer TOKENIZER = SampleTokenizer.QWEN3.ours();

    @Test
    void theEmptyTextHasNoTokens() {
        assertThat(TOKENIZER.encode("", SpecialTokens.PARSE)).isEmpty();
        assertThat(TOKENIZER.encode("", SpecialTokens.TEXT)).isEmpty();
        assertThat(TOKENIZER.decode(new int[0])).isEmpty();
    }

    @ParameterizedTest(name = "{index}")
    @CsvSource({
        "\uD800, \uFFFD",
        "\uDC00, \uFFFD",
        "a\uD83D, a\uFFFD",
        "\uD83D\uD83D\uDE00, \uFFFD\uD83D\uDE00",
        "\uDE00\uD83D, \uFFFD\uFFFD",
        "\uD83D<think>\uDE00, \uFFFD<think>\uFFFD",
    })
    void aLoneSurrogateIsReadAsAReplacementCharacter(String text, String readAs) {
        assertThat(TOKENIZER.encode(text, SpecialTokens.PARSE))
                .isEqualTo(TOKENIZER.encode(readAs, SpecialTokens.PARSE));
    }

    @Test
    void specialTokensAreCommandsOrText() {
        int endOfText = TOKENIZER.idOf("<|endoftext|>").orElseThrow();
        int think = TOKENIZER.idOf("<think>").orElseThrow();
        String text = "<think><|endoftext|>";
        assertThat(TOKENIZER.encode(text, SpecialTokens.PARSE)).containsExactly(think, endOfText);
        assertThat(TOKENIZER.encode(text, SpecialTokens.TEXT)).startsWith(think).doesNotContain(endOfText);
        assertThat(TOKENIZER.decode(TOKENIZER.encode(text, SpecialTokens.TEXT))).isEqualTo(text);
    }

    @Test
    void theBytesOfATokenAreACopy() {
        int id = TOKENIZER.idOf("Ġthe").orElseThrow();
        TOKENIZER.bytesOf(id)[0] = 'x';
        assertThat(TOKENIZER.decode(new int[] {id})).isEqualTo(" the");
    }

    @Test
    void manyThreadsGetTheIdsOfOne() throws Exception {
        RandomTexts texts = new RandomTexts(new Random(7));
        List<String> sample = new ArrayList<>();
        List<int[]> expected = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            sample.add(texts.next(12));
            expected.add(TOKENIZER.encode(sample.getLast(), SpecialTokens.PARSE));
        }
        // The tokenizer is a new one, so the threads fill its table of words together.
        Tokenizer fresh = SampleTokenizer.QWEN3.read();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<List<int[]>>> results = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                results.add(threads.submit(() -> sample.stream()
                        .map(text -> fresh.encode(text, SpecialTokens.PARSE))
                        .toList()));
            }
            for (Future<List<int[]>> result : results) {
                List<int[]> ids = result.get();
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(ids.get(i)).isEqualTo(expected.get(i));
                }
            }
        }
    }
}
