package org.sparkqwen.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.testing.Golden;

class CandidatesTest {
    static final Exponentials EXPONENTIALS = KernelChoice.VECTOR.create(1, _ -> {})::exponentials;

    static Stream<JsonNode> cases() {
        JsonNode golden = Golden.read(Golden.DIRECTORY.resolve("logits-processors.json"));
        return StreamSupport.stream(golden.get("cases").spliterator(), false);
    }

    @Test
    void thereAreReferenceCases() {
        assertThat(cases()).hasSize(7);
        assertThat(cases().filter(each -> each.get("spec").has("repetition_penalty")))
                .hasSize(2);
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
        Penalties penalties = new Penalties(spec.path("repetition_penalty").asDouble(1), 0, 0);
        double[] expected = Golden.doubles(golden.get("probabilities"));

        Candidates candidates = filled(floats(Golden.doubles(golden.get("logits"))));
        new TokenCounts(penalties, Golden.ints(golden.get("seen"))).apply(candidates);
        Sampler.filter(candidates, params, EXPONENTIALS);
        double[] ours = probabilities(candidates, expected.length);
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
    void minusZeroEqualsZero() {
        assertThat(probabilities(filtered(new float[] {-0f, 0f, -0f, 0f}, params(1, 2, 0.6, 1)), 4))
                .containsOnly(0.25);
    }

    @Test
    void topKKeepsEqualsOfTheKth() {
        float[] logits = {1, 2, 3, 2, 2, 0};
        assertThat(tokens(filtered(logits, params(1, 1, 1, 0)))).containsExactly(2);
        assertThat(tokens(filtered(logits, params(1, 2, 1, 0)))).containsExactly(1, 2, 3, 4);
        assertThat(tokens(filtered(logits, params(1, 5, 1, 0)))).containsExactly(0, 1, 2, 3, 4);
        assertThat(tokens(filtered(logits, params(1, 6, 1, 0)))).hasSize(6);
        assertThat(tokens(filtered(logits, params(1, 1000, 1, 0)))).hasSize(6);
    }

    @Test
    void topPKeepsTheFewestTokensThatReachIt() {
        float[] logits = floats(StrictMath.log(0.5), StrictMath.log(0.3), StrictMath.log(0.15), StrictMath.log(0.05));
        assertThat(tokens(filtered(logits, params(1, 0, 0.01, 0)))).containsExactly(0);
        assertThat(tokens(filtered(logits, params(1, 0, 0.49, 0)))).containsExactly(0);
        assertThat(tokens(filtered(logits, params(1, 0, 0.51, 0)))).containsExactly(0, 1);
        assertThat(tokens(filtered(logits, params(1, 0, 0.79, 0)))).containsExactly(0, 1);
        assertThat(tokens(filtered(logits, params(1, 0, 0.9, 0)))).containsExactly(0, 1, 2);
        assertThat(tokens(filtered(logits, params(1, 0, 1, 0)))).containsExactly(0, 1, 2, 3);
        assertThat(probabilities(filtered(logits, params(1, 0, 0.51, 0)), 4)[0]).isCloseTo(0.5 / 0.8, within(1e-6));
    }

    @Test
    void topPKeepsEqualsOfTheLast() {
        assertThat(tokens(filtered(new float[] {1, 0, 1, 1, 0}, params(1, 0, 0.3, 0))))
                .containsExactly(0, 2, 3);
    }

    @Test
    void minPIsAFractionOfTheLikeliest() {
        float[] logits = floats(StrictMath.log(0.5), StrictMath.log(0.3), StrictMath.log(0.15), StrictMath.log(0.05));
        assertThat(tokens(filtered(logits, params(1, 0, 1, 0.59)))).containsExactly(0, 1);
        assertThat(tokens(filtered(logits, params(1, 0, 1, 0.61)))).containsExactly(0);
        assertThat(tokens(filtered(logits, params(1, 0, 1, 1)))).containsExactly(0);
    }

    /// Compares with filters that sort, in double, on vocabularies up to the model's: peaked, flat, and with many
    /// equals. One may keep a token that the other drops only where rounding decides.
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 40, 511, 513, 151_936})
    void filtersKeepWhatSortingKeeps(int vocabulary) {
        Random random = new Random(vocabulary);
        for (int round = 0; round < (vocabulary > 1000 ? 12 : 300); round++) {
            float[] logits = new float[vocabulary];
            double spread = new double[] {0, 0.1, 2, 8}[random.nextInt(4)];
            for (int i = 0; i < vocabulary; i++) {
                logits[i] = (float) (random.nextGaussian() * spread);
            }
            SamplingParams params = params(
                    random.nextInt(3) == 0 ? 0.01 : 2 * (1 - random.nextDouble()),
                    random.nextBoolean() ? 0 : 1 + random.nextInt(100),
                    random.nextInt(3) == 0 ? 1 : 1 - random.nextDouble(),
                    random.nextInt(3) == 0 ? random.nextDouble() : 0);
            double[] ours = probabilities(filtered(logits, params), vocabulary);
            double[] expected = bySorting(logits, params);
            assertThat(Arrays.stream(ours).sum()).isCloseTo(1, within(1e-5));
            double difference = 0;
            for (int i = 0; i < vocabulary; i++) {
                difference += Math.abs(ours[i] - expected[i]);
            }
            double oneToken = Arrays.stream(expected).filter(p -> p > 0).min().orElseThrow();
            assertThat(difference).as("%s", params).isLessThan(1e-5 + 2 * oneToken);
        }
    }

    /// Filters as the documentation says, step by step.
    private static double[] bySorting(float[] logits, SamplingParams params) {
        List<Integer> order = IntStream.range(0, logits.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer token) -> -logits[token]))
                .toList();
        int kept = logits.length;
        if (params.topK() > 0 && params.topK() < kept) {
            kept = withEquals(logits, order, params.topK());
        }
        double[] weights = new double[logits.length];
        for (int token : order.subList(0, kept)) {
            weights[token] = Math.exp(((double) logits[token] - logits[order.getFirst()]) / params.temperature());
        }
        double total = Arrays.stream(weights).sum();
        double mass = 0;
        int reaching = 0;
        while (params.topP() < 1 && reaching < kept && mass < params.topP() * total) {
            mass += weights[order.get(reaching++)];
        }
        kept = params.topP() < 1 ? Math.min(kept, withEquals(logits, order, reaching)) : kept;
        for (int token : order.subList(kept, order.size())) {
            weights[token] = 0;
        }
        double left = 0;
        for (int token = 0; token < weights.length; token++) {
            weights[token] = weights[token] < params.minP() ? 0 : weights[token];
            left += weights[token];
        }
        for (int token = 0; token < weights.length; token++) {
            weights[token] /= left;
        }
        return weights;
    }

    private static int withEquals(float[] logits, List<Integer> order, int count) {
        int kept = count;
        while (kept < order.size() && logits[order.get(kept)] == logits[order.get(count - 1)]) {
            kept++;
        }
        return kept;
    }

    /// A temperature is a number above 0, however small: in its limit sampling is greedy, and never NaN.
    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 1e-30, 1e-38, 1e-45, 1e-60, Double.MIN_VALUE})
    void aTinyTemperatureLeavesTheLikeliest(double temperature) {
        Candidates candidates = filtered(new float[] {3, 30, -4, 29, 30}, params(temperature, 0, 1, 0));
        for (double u : new double[] {0, 0.49, 0.51, 0.999}) {
            assertThat(candidates.at(u)).isEqualTo(u < 0.5 ? 1 : 4);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e3, 1e39, Double.MAX_VALUE})
    void aHugeTemperatureMakesAllTokensAlike(double temperature) {
        double[] probabilities =
                probabilities(filtered(new float[] {3, 30, -4, 29, 0}, params(temperature, 0, 1, 0)), 5);
        for (double probability : probabilities) {
            assertThat(probability).isCloseTo(0.2, within(0.01));
        }
    }

    @Test
    void aNumberBelowOneFallsOnATokenByItsCumulativeProbability() {
        Candidates candidates = filtered(
                floats(StrictMath.log(0.5), -1e30, StrictMath.log(0.25), StrictMath.log(0.25), -1e30),
                params(1, 0, 1, 0));
        assertThat(candidates.at(0)).isEqualTo(0);
        assertThat(candidates.at(0.4999)).isEqualTo(0);
        assertThat(candidates.at(0.5001)).isEqualTo(2);
        assertThat(candidates.at(0.7501)).isEqualTo(3);
        assertThat(candidates.at(Math.nextDown(1.0)))
                .as("never on one that has no weight")
                .isEqualTo(3);
    }

    @Test
    void aRemovedTokenIsGoneAndTheOthersStay() {
        Candidates candidates = filled(new float[] {1, 2, 3, 4});
        candidates.remove(1);
        candidates.remove(3);
        candidates.remove(3);
        candidates.remove(17);
        assertThat(tokens(candidates)).containsExactly(0, 2);
        assertThat(candidates.likeliest()).isEqualTo(2);
        assertThat(candidates.indexOf(2)).isEqualTo(1);
        assertThat(candidates.indexOf(3)).isNegative();
    }

    static Candidates filled(float[] logits) {
        Candidates candidates = new Candidates();
        candidates.fill(MemorySegment.ofArray(logits));
        return candidates;
    }

    static Candidates filtered(float[] logits, SamplingParams params) {
        Candidates candidates = filled(logits);
        Sampler.filter(candidates, params, EXPONENTIALS);
        return candidates;
    }

    static double[] probabilities(Candidates candidates, int vocabulary) {
        double[] probabilities = new double[vocabulary];
        for (int i = 0; i < candidates.count(); i++) {
            probabilities[candidates.token(i)] = candidates.probability(i);
        }
        return probabilities;
    }

    private static int[] tokens(Candidates candidates) {
        return IntStream.range(0, candidates.count()).map(candidates::token).toArray();
    }

    private static SamplingParams params(double temperature, int topK, double topP, double minP) {
        return new SamplingParams(temperature, topK, topP, minP, Penalties.NONE, Map.of(), 0);
    }

    private static float[] floats(double... values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
