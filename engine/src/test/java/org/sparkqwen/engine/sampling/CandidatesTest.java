package org.sparkqwen.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.Golden;

class DistributionTest {

    static Stream<JsonNode> cases() {
        JsonNode golden = Golden.read(Golden.DIRECTORY.resolve("logits-processors.json"));
        return StreamSupport.stream(golden.get("cases").spliterator(), false)
                .filter(each -> !each.get("spec").has("repetition_penalty"));
    }

    @Test
    void thereAreReferenceCases() {
        assertThat(cases()).hasSize(5);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void probabilitiesAreThoseOfTransformers(JsonNode golden) {
        JsonNode spec = golden.get("spec");
        SamplingParams params = params(
                spec.path("temperature").asDouble(1),
                spec.path("top_k").asInt(0),
                spec.path("top_p").asDouble(1),
                spec.path("min_p").asDouble(0));
        double[] logits = Golden.doubles(golden.get("logits"));
        double[] expected = Golden.doubles(golden.get("probabilities"));

        double[] ours = new double[logits.length];
        Distribution distribution = Distribution.of(floats(logits), params);
        for (int i = 0; i < distribution.tokens().length; i++) {
            ours[distribution.tokens()[i]] = distribution.probabilities()[i];
        }
        for (int token = 0; token < expected.length; token++) {
            assertThat(ours[token]).as("token %d", token).isCloseTo(expected[token], within(1e-5));
            if (expected[token] == 0) { // dropped, or rounded away
                assertThat(ours[token]).as("token %d", token).isLessThan(1e-7);
            } else {
                assertThat(ours[token]).as("token %d", token).isPositive();
            }
        }
    }

    @Test
    void likelierTokensComeFirstAndAmongEqualsTheLowerId() {
        Distribution distribution = Distribution.of(new float[] {1, 3, 1, 3, -2, 1}, params(1, 0, 1, 0));
        assertThat(distribution.tokens()).containsExactly(1, 3, 0, 2, 5, 4);
        assertThat(distribution.probabilities()[0]).isEqualTo(distribution.probabilities()[1]);
        assertThat(Arrays.stream(distribution.probabilities()).sum()).isCloseTo(1, within(1e-15));
    }

    @Test
    void minusZeroEqualsZero() {
        Distribution distribution = Distribution.of(new float[] {-0f, 0f, -0f, 0f}, params(1, 0, 1, 0));
        assertThat(distribution.tokens()).containsExactly(0, 1, 2, 3);
        assertThat(distribution.probabilities()).containsOnly(0.25);
    }

    @Test
    void negativeLogitsAreOrderedToo() {
        float[] logits = {-1, -300, -Float.MIN_VALUE, -301, -2, Float.MIN_VALUE};
        assertThat(Distribution.of(logits, params(1, 0, 1, 0)).tokens()).containsExactly(5, 2, 0, 4, 1, 3);
    }

    @Test
    void topKKeepsEqualsOfTheKth() {
        float[] logits = {1, 2, 3, 2, 2, 0};
        assertThat(Distribution.of(logits, params(1, 1, 1, 0)).tokens()).containsExactly(2);
        assertThat(Distribution.of(logits, params(1, 2, 1, 0)).tokens()).containsExactly(2, 1, 3, 4);
        assertThat(Distribution.of(logits, params(1, 5, 1, 0)).tokens()).containsExactly(2, 1, 3, 4, 0);
        assertThat(Distribution.of(logits, params(1, 6, 1, 0)).tokens()).hasSize(6);
        assertThat(Distribution.of(logits, params(1, 1000, 1, 0)).tokens()).hasSize(6);
    }

    @Test
    void topPKeepsTheFewestTokensThatReachIt() {
        float[] logits = floats(StrictMath.log(0.5), StrictMath.log(0.3), StrictMath.log(0.15), StrictMath.log(0.05));
        assertThat(Distribution.of(logits, params(1, 0, 0.01, 0)).tokens()).containsExactly(0);
        assertThat(Distribution.of(logits, params(1, 0, 0.49, 0)).tokens()).containsExactly(0);
        assertThat(Distribution.of(logits, params(1, 0, 0.51, 0)).tokens()).containsExactly(0, 1);
        assertThat(Distribution.of(logits, params(1, 0, 0.79, 0)).tokens()).containsExactly(0, 1);
        assertThat(Distribution.of(logits, params(1, 0, 0.9, 0)).tokens()).containsExactly(0, 1, 2);
        assertThat(Distribution.of(logits, params(1, 0, 1, 0)).tokens()).containsExactly(0, 1, 2, 3);
        assertThat(Distribution.of(logits, params(1, 0, 0.51, 0)).probabilities()[0])
                .isCloseTo(0.5 / 0.8, within(1e-7));
    }

    @Test
    void minPIsAFractionOfTheLikeliest() {
        float[] logits = floats(StrictMath.log(0.5), StrictMath.log(0.3), StrictMath.log(0.15), StrictMath.log(0.05));
        assertThat(Distribution.of(logits, params(1, 0, 1, 0.59)).tokens()).containsExactly(0, 1);
        assertThat(Distribution.of(logits, params(1, 0, 1, 0.61)).tokens()).containsExactly(0);
        assertThat(Distribution.of(logits, params(1, 0, 1, 1)).tokens()).containsExactly(0);
    }

    /// Seeded logits, many of them equal, through random filters, the narrowest among them.
    @Test
    void everyFilterLeavesATokenAndProbabilitiesThatSumToOne() {
        Random random = new Random(4);
        for (int round = 0; round < 2000; round++) {
            float[] logits = new float[1 + random.nextInt(40)];
            for (int i = 0; i < logits.length; i++) {
                logits[i] = random.nextInt(4) == 0 ? random.nextInt(3) : (float) random.nextGaussian() * 8;
            }
            double topP = random.nextInt(3) == 0 ? Double.MIN_VALUE : 1 - random.nextDouble();
            SamplingParams params = params(
                    random.nextInt(3) == 0 ? 0.01 : 2 * (1 - random.nextDouble()),
                    random.nextInt(5),
                    topP,
                    random.nextInt(3) == 0 ? 1 : random.nextDouble());
            assertSound(Distribution.of(logits, params), logits);
        }
    }

    /// A temperature is a number above 0, however small: in its limit sampling is greedy, and never NaN.
    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 1e-30, 1e-38, 1e-45, 1e-60, Double.MIN_VALUE})
    void aTinyTemperatureLeavesTheLikeliest(double temperature) {
        float[] logits = {3, 30, -4, 29, 30};
        Distribution distribution = Distribution.of(logits, params(temperature, 0, 1, 0));
        assertSound(distribution, logits);
        for (double u : new double[] {0, 0.49, 0.51, 0.999}) {
            assertThat(distribution.at(u)).isEqualTo(u < 0.5 ? 1 : 4);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e3, 1e39, Double.MAX_VALUE})
    void aHugeTemperatureMakesAllTokensAlike(double temperature) {
        float[] logits = {3, 30, -4, 29, 0};
        Distribution distribution = Distribution.of(logits, params(temperature, 0, 1, 0));
        assertSound(distribution, logits);
        for (double probability : distribution.probabilities()) {
            assertThat(probability).isCloseTo(0.2, within(0.01));
        }
    }

    @Test
    void aNumberBelowOneFallsOnATokenByItsCumulativeProbability() {
        Distribution distribution = new Distribution(new int[] {7, 3, 9}, new double[] {0.5, 0.25, 0.25});
        assertThat(distribution.at(0)).isEqualTo(7);
        assertThat(distribution.at(Math.nextDown(0.5))).isEqualTo(7);
        assertThat(distribution.at(0.5)).isEqualTo(3);
        assertThat(distribution.at(0.75)).isEqualTo(9);
        assertThat(distribution.at(Math.nextDown(1.0))).isEqualTo(9);
        // probabilities whose rounded sum is below 1
        assertThat(new Distribution(new int[] {7, 3}, new double[] {0.5, 0.499}).at(0.9999))
                .isEqualTo(3);
    }

    private static void assertSound(Distribution distribution, float[] logits) {
        assertThat(distribution.tokens()).isNotEmpty().doesNotHaveDuplicates();
        assertThat(distribution.probabilities()).hasSameSizeAs(distribution.tokens());
        assertThat(Arrays.stream(distribution.probabilities()).sum()).isCloseTo(1, within(1e-12));
        float greatest = logits[distribution.tokens()[0]];
        for (float logit : logits) {
            assertThat(logit).isLessThanOrEqualTo(greatest);
        }
    }

    private static SamplingParams params(double temperature, int topK, double topP, double minP) {
        return new SamplingParams(1, temperature, topK, topP, minP, 0, List.of(), List.of());
    }

    private static float[] floats(double... values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
