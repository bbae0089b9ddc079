package org.sparkqwen.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.sparkqwen.engine.sampling.CandidatesTest.EXPONENTIALS;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
    private static final int[] PROMPT = {5, 6, 7};
    private static final SamplingParams GREEDY = SamplingParams.GREEDY;

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
        Sampler all = sampler(params(1, 0, 1, 0, 7));
        Sampler filtered = sampler(params(0.5, 4, 1, 0.5, 7));
        for (int i = 0; i < 100; i++) {
            assertThat(choose(filtered, logits)).isEqualTo(choose(all, logits));
        }
    }

    /// 30,000 draws of twelve tokens are tested. Pearson's statistic of 11 degrees of freedom is above 31.3 once in
    /// a thousand.
    @ParameterizedTest
    @CsvSource({"1, 0, 1, 0", "0.7, 0, 1, 0", "1.5, 8, 0.9, 0.05"})
    void tokensAreDrawnAsOftenAsTheirProbabilitySays(double temperature, int topK, double topP, double minP) {
        Random random = new Random(1);
        float[] logits = new float[12];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian();
        }
        SamplingParams params = params(temperature, topK, topP, minP, 42);
        Candidates candidates = CandidatesTest.filtered(logits, params);
        double[] expected = CandidatesTest.probabilities(candidates, logits.length);
        int draws = 30_000;
        int[] counts = new int[logits.length];
        Sampler sampler = sampler(params);
        for (int i = 0; i < draws; i++) {
            counts[choose(sampler, logits)]++;
        }
        double statistic = 0;
        int counted = 0;
        for (int token = 0; token < logits.length; token++) {
            if (expected[token] > 0) {
                double mean = draws * expected[token];
                double difference = counts[token] - mean;
                statistic += difference * difference / mean;
                counted += counts[token];
            }
        }
        assertThat(counted).isEqualTo(draws); // nothing that a filter dropped
        assertThat(statistic).isLessThan(31.3);
    }

    /// Texts of the same prompt differ only by their number, and their first tokens must be independent.
    @Test
    void firstTokensOfManySamplesFollowTheDistributionToo() {
        float[] logits = {0, 0, 0, 0};
        int[] counts = new int[4];
        for (int sample = 0; sample < 4000; sample++) {
            counts[choose(new Sampler(params(1, 0, 1, 0, 0), PROMPT, sample), logits)]++;
        }
        for (int count : counts) {
            assertThat(count).isBetween(1000 - 110, 1000 + 110); // four standard deviations
        }
    }

    @Test
    void greedyTakesTheLikeliest() {
        assertThat(choose(sampler(GREEDY.withSeed(9)), new float[] {1, 4, 2})).isEqualTo(1);
    }

    @Test
    void aForbiddenTokenIsNotChosenHoweverLikely() {
        MemorySegment logits = MemorySegment.ofArray(new float[] {1, 9, 2, 9});
        assertThat(sampler(GREEDY).choose(logits, 1, null, Set.of(1), EXPONENTIALS))
                .isEqualTo(3);
        assertThat(sampler(GREEDY).choose(logits, 1, null, Set.of(1, 3), EXPONENTIALS))
                .isEqualTo(2);
        Sampler sampled = sampler(params(1, 0, 1, 0, 1));
        for (int i = 0; i < 200; i++) {
            assertThat(sampled.choose(logits, 1, null, Set.of(1, 3), EXPONENTIALS))
                    .isIn(0, 2);
        }
    }

    @Test
    void aBiasIsAddedToTheLogit() {
        Sampler sampler = sampler(GREEDY.withLogitBias(Map.of(0, 3.5, 1, -100.0, 99, 5.0)));
        assertThat(choose(sampler, new float[] {1, 9, 4})).isEqualTo(0);
        assertThat(choose(sampler, new float[] {1, 9, 5})).isEqualTo(2);
    }

    /// transformers and vLLM count prompt and text, divide a positive logit, and multiply a negative one.
    @Test
    void theRepetitionPenaltyCountsThePromptAndTheText() {
        Sampler sampler = new Sampler(GREEDY.withPenalties(Penalties.NONE.withRepetition(2)), new int[] {0, 0, 0}, 0);
        assertThat(choose(sampler, new float[] {3, 2, 1.4f, -5})).as("0: 3 / 2").isEqualTo(1);
        assertThat(choose(sampler, new float[] {3, 2, 1.4f, -5}))
                .as("0: 3 / 2; 1: 2 / 2")
                .isEqualTo(0);
        assertThat(choose(sampler, new float[] {-3, -3, -5, -7}))
                .as("0 and 1: -3 · 2")
                .isEqualTo(2);
    }

    /// vLLM and OpenAI count only the text, once, or as often as the token occurs.
    @Test
    void presenceAndFrequencyPenaltiesCountTheTextOnly() {
        float[] logits = {1, 0.3f, -9, -9};
        Sampler presence = new Sampler(GREEDY.withPenalties(Penalties.NONE.withPresence(0.5)), new int[] {0, 0}, 0);
        assertThat(List.of(choose(presence, logits), choose(presence, logits), choose(presence, logits)))
                .as("1, then 0.5 > 0.3 however often")
                .containsExactly(0, 0, 0);
        Sampler frequency = new Sampler(GREEDY.withPenalties(Penalties.NONE.withFrequency(0.5)), new int[] {0, 0}, 0);
        assertThat(List.of(
                        choose(frequency, logits),
                        choose(frequency, logits),
                        choose(frequency, logits),
                        choose(frequency, logits)))
                .as("1, 0.5, then 0 < 0.3, then 0 > -0.2")
                .containsExactly(0, 0, 1, 0);
    }

    @Test
    void theBestTokensComeWithTheirLogProbabilitiesAmongEqualsTheLowerId() {
        MemorySegment logits = MemorySegment.ofArray(new float[] {1, 3, 1, 5, 3});
        assertThat(RankedToken.best(logits, 6, 3))
                .containsExactly(new RankedToken(3, -1), new RankedToken(1, -3), new RankedToken(4, -3));
        assertThat(RankedToken.best(logits, 6, 100))
                .extracting(RankedToken::token)
                .containsExactly(3, 1, 4, 0, 2);
    }

    @Test
    void theBestOfManyTokensAreThoseThatSortingFinds() {
        float[] logits = new float[151_936];
        Random random = new Random(2);
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian();
        }
        List<RankedToken> best = RankedToken.best(MemorySegment.ofArray(logits), 0, 20);
        float[] sorted = logits.clone();
        Arrays.sort(sorted);
        for (int i = 0; i < 20; i++) {
            assertThat(best.get(i).logProbability()).isCloseTo(sorted[sorted.length - 1 - i], within(0.0));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "-0.1, 0, 1, 0, 'temperature must be a number of at least 0, not -0.1'",
        "NaN, 0, 1, 0, 'temperature must be a number of at least 0, not NaN'",
        "Infinity, 0, 1, 0, 'temperature must be a number of at least 0, not Infinity'",
        "1, -2, 1, 0, 'top-k must be at least 0, not -2'",
        "1, 0, 0, 0, 'top-p must be above 0 and at most 1, not 0.0'",
        "1, 0, 1.1, 0, 'top-p must be above 0 and at most 1, not 1.1'",
        "1, 0, NaN, 0, 'top-p must be above 0 and at most 1, not NaN'",
        "1, 0, 1, -0.1, 'min-p must be from 0 to 1, not -0.1'",
        "1, 0, 1, 1.1, 'min-p must be from 0 to 1, not 1.1'",
        "1, 0, 1, NaN, 'min-p must be from 0 to 1, not NaN'"
    })
    void aParameterOutOfItsRangeIsRefusedByItsName(
            double temperature, int topK, double topP, double minP, String message) {
        assertThatThrownBy(() -> params(temperature, topK, topP, minP, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 0, 'repetition-penalty must be a number above 0, not 0.0'",
        "NaN, 0, 0, 'repetition-penalty must be a number above 0, not NaN'",
        "1, 2.1, 0, 'presence-penalty must be from -2 to 2, not 2.1'",
        "1, NaN, 0, 'presence-penalty must be from -2 to 2, not NaN'",
        "1, 0, -3, 'frequency-penalty must be from -2 to 2, not -3.0'"
    })
    void aPenaltyOutOfItsRangeIsRefusedByItsName(double repetition, double presence, double frequency, String message) {
        assertThatThrownBy(() -> new Penalties(repetition, presence, frequency))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void aBiasThatIsNoNumberIsRefused() {
        assertThatThrownBy(() -> GREEDY.withLogitBias(Map.of(7, Double.NaN)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("the logit-bias of token 7 must be a number");
    }

    @Test
    void anEndingThatCannotBeIsRefusedByItsName() {
        assertThatThrownBy(() -> Ending.after(0)).hasMessage("max-new-tokens must be at least 1, not 0");
        assertThatThrownBy(() -> Ending.after(5).withMinNewTokens(6))
                .hasMessage("min-new-tokens must be from 0 to max-new-tokens 5, not 6");
        assertThatThrownBy(() -> Ending.after(5).withMinNewTokens(-1))
                .hasMessage("min-new-tokens must be from 0 to max-new-tokens 5, not -1");
        assertThatThrownBy(() -> Ending.after(5).withStop(List.of("a", "")))
                .hasMessage("a stop text must not be empty");
        assertThatThrownBy(() -> Ending.after(5).withRepetitions(1))
                .hasMessage("stop-repetition must be at least 2, or 0 for never, not 1");
    }

    private static List<Integer> tokens(long seed, int[] prompt, int sample) {
        Sampler sampler = new Sampler(params(1, 0, 1, 0, seed), prompt, sample);
        float[] logits = new float[100];
        List<Integer> tokens = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            tokens.add(choose(sampler, logits));
        }
        return tokens;
    }

    private static Sampler sampler(SamplingParams params) {
        return new Sampler(params, PROMPT, 0);
    }

    private static int choose(Sampler sampler, float[] logits) {
        int likeliest = 0;
        for (int i = 1; i < logits.length; i++) {
            likeliest = logits[i] > logits[likeliest] ? i : likeliest;
        }
        return sampler.choose(MemorySegment.ofArray(logits), likeliest, null, Set.of(), EXPONENTIALS);
    }

    private static SamplingParams params(double temperature, int topK, double topP, double minP, long seed) {
        return new SamplingParams(temperature, topK, topP, minP, Penalties.NONE, Map.of(), seed);
    }
}
