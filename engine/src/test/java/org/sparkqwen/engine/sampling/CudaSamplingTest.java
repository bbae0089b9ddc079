package org.sparkqwen.engine.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.TokenChoice;
import org.sparkqwen.engine.kernels.scalar.ScalarProvider;
import org.sparkqwen.engine.testing.CudaDevice;

/// A GPU chooses the tokens that [Sampler] chooses from the same logits with the same random numbers.
@Tag("cuda")
class CudaSamplingTest {
    private static final int ROWS = 200;
    private static final int VOCABULARY = 5003;
    private static final int CHOOSABLE = 4999;

    /// The texts of which the token may differ, because the draw falls between two tokens whose weights are
    /// rounded.
    private static final int MOST_DIFFERENT = 1;

    private static final Penalties PENALTIES = new Penalties(1.3, 0.4, 0.2);

    private static final List<SamplingParams> PARAMS = List.of(
            SamplingParams.GREEDY,
            SamplingParams.GREEDY.withPenalties(PENALTIES),
            SamplingParams.GREEDY.withTemperature(1),
            SamplingParams.GREEDY.withTemperature(0.7).withTopK(40),
            SamplingParams.GREEDY.withTemperature(1.2).withTopP(0.8),
            SamplingParams.GREEDY.withTemperature(1).withMinP(0.1),
            new SamplingParams(0.9, 50, 0.95, 0.02, PENALTIES, Map.of(7, 2.5, 4000, -1.0), 3));

    @BeforeAll
    static void needsGpu() {
        CudaDevice.assumeThere();
    }

    @Test
    void tokensAreThoseOfTheHostsSampler() {
        Random random = new Random(5);
        float[] numbers = new float[ROWS * VOCABULARY];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) (2 * random.nextGaussian());
        }
        try (Kernels host = new ScalarProvider().create(1);
                Kernels cuda = CudaDevice.choice(Precision.FLOAT32).create(1, _ -> {});
                Buffers buffers = cuda.newBuffers()) {
            MemorySegment logits = buffers.allocateFloats(numbers.length);
            buffers.write(numbers, numbers.length, logits);
            for (SamplingParams params : PARAMS) {
                List<TokenChoice> choices = new ArrayList<>();
                int[] expected = new int[ROWS];
                int[] likeliest = new int[ROWS];
                cuda.likeliest(logits, VOCABULARY, CHOOSABLE, likeliest);
                for (int row = 0; row < ROWS; row++) {
                    int[] prompt = random.ints(20, 0, CHOOSABLE).toArray();
                    MemorySegment onHost = buffers.onHost(logits)
                            .asSlice((long) row * VOCABULARY * Float.BYTES, (long) CHOOSABLE * Float.BYTES);
                    expected[row] = new Sampler(params, prompt, row)
                            .choose(onHost, likeliest[row], null, Set.of(likeliest[row]), host::exponentials);
                    choices.add(new Sampler(params, prompt, row).choice(null, Set.of(likeliest[row])));
                }
                int[] tokens = new int[ROWS];
                float[] chosen = new float[ROWS];
                double[] sums = new double[ROWS];
                cuda.tokenChooser().orElseThrow().choose(logits, VOCABULARY, CHOOSABLE, choices, tokens, chosen, sums);
                double[] expectedSums = new double[ROWS];
                cuda.logSumExp(logits, VOCABULARY, expectedSums);
                assertThat(sums).containsExactly(expectedSums);
                int different = 0;
                for (int row = 0; row < ROWS; row++) {
                    different += tokens[row] == expected[row] ? 0 : 1;
                    assertThat(chosen[row]).isEqualTo(numbers[row * VOCABULARY + tokens[row]]);
                }
                System.out.printf("%s: %d of %d tokens differ from the host's%n", params, different, ROWS);
                assertThat(different).as(params.toString()).isLessThanOrEqualTo(MOST_DIFFERENT);
            }
            assertThat(buffers.onHost(logits).toArray(JAVA_FLOAT))
                    .as("logits are as they were")
                    .isEqualTo(numbers);
        }
    }

    @Test
    void masksAllowTheirTokensAlone() {
        float[] numbers = new float[3 * VOCABULARY];
        Random random = new Random(6);
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        long[] mask = new long[(VOCABULARY + 63) / 64];
        for (int token : new int[] {3, 700, 4801}) {
            mask[token / 64] |= 1L << token;
        }
        List<TokenChoice> choices = List.of(
                new TokenChoice(TokenChoice.NONE, mask, List.of(), 1, 0, 1, 0, 0.9999),
                new TokenChoice(TokenChoice.NONE, new long[mask.length], List.of(), 1, 0, 1, 0, 0.5),
                TokenChoice.ofForced(17));
        try (Kernels cuda = CudaDevice.choice(Precision.FLOAT32).create(1, _ -> {});
                Buffers buffers = cuda.newBuffers()) {
            MemorySegment logits = buffers.allocateFloats(numbers.length);
            buffers.write(numbers, numbers.length, logits);
            int[] tokens = new int[3];
            float[] chosen = new float[3];
            double[] sums = new double[3];
            cuda.tokenChooser().orElseThrow().choose(logits, VOCABULARY, CHOOSABLE, choices, tokens, chosen, sums);
            assertThat(tokens).containsExactly(4801, TokenChoice.NONE, 17);
            assertThat(chosen[2]).isEqualTo(numbers[2 * VOCABULARY + 17]);
        }
    }
}
