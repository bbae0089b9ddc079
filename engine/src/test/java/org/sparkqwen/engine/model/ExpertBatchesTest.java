package org.sparkqwen.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Rows are divided among the experts, and an expert's rows into parts.
class ExpertBatchesTest {
    private static final int EXPERTS = 6;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 50, 100, 1000})
    void everyRouteOccursOnceInTheOrderOfTheExperts(int most) {
        try (Arena arena = Arena.ofConfined()) {
            FeedForward.Mixture mixture = mixture(arena);
            Routes routes = routes(100);
            List<List<ExpertRows>> batches = ExpertBatches.of(mixture, routes, most);
            Map<Integer, List<Integer>> expertsOfRow = new HashMap<>();
            int whole = 0;
            for (List<ExpertRows> batch : batches) {
                assertThat(batch.stream()
                                .mapToInt(expert -> expert.rows().length)
                                .sum())
                        .isBetween(1, most);
                for (ExpertRows rows : batch) {
                    int expert = expertOf(mixture, rows);
                    whole += rows.rows().length < most ? 1 : 0;
                    for (int i = 0; i < rows.rows().length; i++) {
                        expertsOfRow
                                .computeIfAbsent(rows.rows()[i], row -> new ArrayList<>())
                                .add(expert);
                        assertThat(rows.shares()[i]).isEqualTo(share(rows.rows()[i], expert));
                    }
                }
            }
            assertThat(expertsOfRow).hasSize(100);
            expertsOfRow.forEach((row, experts) -> assertThat(experts)
                    .isSorted()
                    .containsExactlyInAnyOrder(routes.experts()[2 * row], routes.experts()[2 * row + 1]));
            assertThat(whole).as("experts that fit stay whole").isLessThanOrEqualTo(EXPERTS);
        }
    }

    /// An expert to which no row goes is not asked for, so its weights need not be read.
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 5})
    void onlyTheExpertsOfTheBatchAreChecked(int chosen) {
        try (Arena arena = Arena.ofConfined()) {
            List<Integer> checked = new ArrayList<>();
            FeedForward.Mixture mixture = mixture(arena, checked);
            ExpertBatches.of(mixture, new Routes(1, new int[] {chosen, chosen}, new float[] {1, 1}), 100);
            ExpertBatches.of(mixture, new Routes(1, new int[] {chosen}, new float[] {1}), 100);
            assertThat(checked).containsExactly(chosen);
        }
    }

    private static Routes routes(int tokens) {
        Random random = new Random(5);
        int[] experts = new int[2 * tokens];
        float[] shares = new float[2 * tokens];
        for (int token = 0; token < tokens; token++) {
            // Half of the tokens go to the first expert.
            int first = token % 2 == 0 ? 0 : random.nextInt(EXPERTS);
            int second = (first + 1 + random.nextInt(EXPERTS - 1)) % EXPERTS;
            experts[2 * token] = first;
            experts[2 * token + 1] = second;
            shares[2 * token] = share(token, first);
            shares[2 * token + 1] = share(token, second);
        }
        return new Routes(2, experts, shares);
    }

    private static float share(int token, int expert) {
        return token + expert / 16f;
    }

    private static int expertOf(FeedForward.Mixture mixture, ExpertRows rows) {
        return IntStream.range(0, EXPERTS)
                .filter(expert -> mixture.experts().get(expert).weights().gate().equals(rows.gate()))
                .findFirst()
                .orElseThrow();
    }

    private static FeedForward.Mixture mixture(Arena arena) {
        return mixture(arena, new ArrayList<>());
    }

    private static FeedForward.Mixture mixture(Arena arena, List<Integer> checked) {
        List<FeedForward.Expert> experts = IntStream.range(0, EXPERTS)
                .mapToObj(expert -> new FeedForward.Expert(
                        new FeedForward.Dense(matrix(arena), matrix(arena), matrix(arena)),
                        new FirstUse(() -> checked.add(expert))))
                .toList();
        MixtureShape shape = new MixtureShape(EXPERTS, 2, 8, false, Set.of(0));
        return new FeedForward.Mixture(shape, matrix(arena), experts);
    }

    private static Matrix matrix(Arena arena) {
        return new Matrix(KnownFormat.F32, 8, 8, arena.allocate(Matrix.bytes(KnownFormat.F32, 8, 8), Float.BYTES));
    }
}
