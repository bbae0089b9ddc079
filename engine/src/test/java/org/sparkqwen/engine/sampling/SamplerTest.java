package org.sparkqwen.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
    private static final int[] PROMPT = {5, 6, 7};

    @Test
    void theSameSeedPromptAndSampleChooseTheSameTokens() {
        assertThat(tokens(7, PROMPT, 3)).isEqualTo(tokens(7, PROMPT.clone(), 3));
    }

    @Test
    void anotherSeedPromptOrSampleChoosesOthers() {
        List<List<Integer>> texts = List.of(
                tokens(7, PROMPT, 0),
                tokens(8, PROMPT, 0),
                tokens(7L << 32, PROMPT, 0),
                tokens(7, PROMPT, 1),
                tokens(7, PROMPT, 5),
                tokens(7, new int[] {5, 6}, 0),
                tokens(7, new int[] {7, 6, 5}, 0),
                tokens(7, new int[] {5, 6, 8}, 0),
                tokens(7, new int[] {0, 5, 6, 7}, 0));
        assertThat(texts).doesNotHaveDuplicates();
    }

    @Test
    void filtersDoNotChangeTheRandomNumbers() {
        float[] logits = {1, 1, 1, 1};
        Sampler all = new Sampler(params(1, 0, 1, 0, 7), PROMPT, 0);
        Sampler filtered = new Sampler(params(0.5, 4, 1, 0.5, 7), PROMPT, 0);
        for (int i = 0; i < 100; i++) {
            assertThat(filtered.choose(MemorySegment.ofArray(logits), 0))
                    .isEqualTo(all.choose(MemorySegment.ofArray(logits), 0));
        }
    }

    /// 30,000 draws of twelve tokens: Pearson's statistic of 11 degrees of freedom is above 31.3 once in a
    /// thousand.
    @ParameterizedTest
    @CsvSource({"1, 0, 1, 0", "0.7, 0, 1, 0", "1.5, 8, 0.9, 0.05"})
    void tokensAreDrawnAsOftenAsTheirProbabilitySays(double temperature, int topK, double topP, double minP) {
        Random random = new Random(1);
        float[] logits = new float[12];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian();
        }
        SamplingParams params = params(temperature, topK, topP, minP, 42);
        Distribution expected = Distribution.of(logits, params);
        int draws = 30_000;
        int[] counts = new int[logits.length];
        Sampler sampler = new Sampler(params, PROMPT, 0);
        for (int i = 0; i < draws; i++) {
            counts[sampler.choose(MemorySegment.ofArray(logits), 0)]++;
        }
        double statistic = 0;
        int counted = 0;
        for (int i = 0; i < expected.tokens().length; i++) {
            double mean = draws * expected.probabilities()[i];
            double difference = counts[expected.tokens()[i]] - mean;
            statistic += difference * difference / mean;
            counted += counts[expected.tokens()[i]];
        }
        assertThat(counted).isEqualTo(draws); // nothing that a filter dropped
        assertThat(statistic).isLessThan(31.3);
    }

    /// Texts of the same prompt are told apart by their number only; their first tokens must be independent.
    @Test
    void firstTokensOfManySamplesFollowTheDistributionToo() {
        float[] logits = {0, 0, 0, 0};
        int[] counts = new int[4];
        for (int sample = 0; sample < 4000; sample++) {
            counts[new Sampler(params(1, 0, 1, 0, 0), PROMPT, sample).choose(MemorySegment.ofArray(logits), 0)]++;
        }
        for (int count : counts) {
            assertThat(count).isBetween(1000 - 110, 1000 + 110); // four standard deviations
        }
    }

    @Test
    void greedyTakesTheLikeliest() {
        Sampler greedy = new Sampler(params(0, 0, 1, 0, 9), PROMPT, 2);
        assertThat(greedy.choose(MemorySegment.ofArray(new float[] {1, 4, 2}), 1))
                .isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1, 0, 1, 0, 'max-new-tokens must be at least 1, not 0'",
        "1, -0.1, 0, 1, 0, 'temperature must be a number of at least 0, not -0.1'",
        "1, NaN, 0, 1, 0, 'temperature must be a number of at least 0, not NaN'",
        "1, Infinity, 0, 1, 0, 'temperature must be a number of at least 0, not Infinity'",
        "1, 1, -1, 1, 0, 'top-k must be at least 0, not -1'",
        "1, 1, 0, 0, 0, 'top-p must be above 0 and at most 1, not 0.0'",
        "1, 1, 0, 1.1, 0, 'top-p must be above 0 and at most 1, not 1.1'",
        "1, 1, 0, NaN, 0, 'top-p must be above 0 and at most 1, not NaN'",
        "1, 1, 0, 1, -0.1, 'min-p must be from 0 to 1, not -0.1'",
        "1, 1, 0, 1, 1.1, 'min-p must be from 0 to 1, not 1.1'",
        "1, 1, 0, 1, NaN, 'min-p must be from 0 to 1, not NaN'"
    })
    void aParameterOutOfItsRangeIsRefusedByItsName(
            int newTokens, double temperature, int topK, double topP, double minP, String message) {
        assertThatThrownBy(() -> new SamplingParams(newTokens, temperature, topK, topP, minP, 0, List.of(), List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void anEmptyStopTextIsRefused() {
        assertThatThrownBy(() -> new SamplingParams(1, 1, 0, 1, 0, 0, List.of("a", ""), List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a stop text must not be empty");
    }

    private static List<Integer> tokens(long seed, int[] prompt, int sample) {
        Sampler sampler = new Sampler(params(1, 0, 1, 0, seed), prompt, sample);
        float[] logits = new float[100];
        List<Integer> tokens = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            tokens.add(sampler.choose(MemorySegment.ofArray(logits), 0));
        }
        return tokens;
    }

    private static SamplingParams params(double temperature, int topK, double topP, double minP, long seed) {
        return new SamplingParams(1, temperature, topK, topP, minP, seed, List.of(), List.of());
    }
}
