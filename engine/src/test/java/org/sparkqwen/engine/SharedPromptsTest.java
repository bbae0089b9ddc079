package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.ScoringRun;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;

/// Continuations of one prompt are computed with their prompt once, wherever they stand among the requests, and have
/// the bits that each has alone.
class SharedPromptsTest {
    private static final ScoringOptions OPTIONS = new ScoringOptions(new Windows.Strided(200, 100), Prefix.NONE, 20);

    /// Lengths of prompts around blocks of 32 positions, and below the fewest tokens that are shared.
    private static final int[] PROMPTS = {1, 3, 8, 31, 32, 33, 40, 64, 65, 150, 199};

    private static final int[] CONTINUATIONS = {1, 1, 2, 30, 33};

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#fastChoices")
    void continuationsHaveTheBitsThatTheyHaveAlone(KernelChoice kernels) {
        assertSameBitsAsAlone(kernels, new int[] {8, 33, 64, 150}, 100, 4096);
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#fastChoices")
    @Tag("slow")
    void continuationsOfPromptsOfManyLengthsHaveTheBitsThatTheyHaveAlone(KernelChoice kernels) {
        assertSameBitsAsAlone(kernels, PROMPTS, 16, 100, 500, 4096);
    }

    private static void assertSameBitsAsAlone(KernelChoice kernels, int[] prompts, int... batches) {
        List<Request.Score> requests = requests(new Random(7), prompts);
        List<Result> alone = new ArrayList<>();
        try (Engine engine = open(kernels, 1, 4096)) {
            requests.forEach(request ->
                    alone.add(engine.score(List.of(request).iterator()).next()));
        }
        for (int batchTokens : batches) {
            try (Engine engine = open(kernels, 2, batchTokens)) {
                assertSame(Golden.all(engine.score(requests.iterator())), alone);
                List<Request.Score> shuffled = new ArrayList<>(requests);
                Collections.shuffle(shuffled, new Random(batchTokens));
                assertSame(Golden.all(engine.score(shuffled.iterator())), alone);
                assertThat(engine.blocksInUse()).isZero();
            }
        }
    }

    @Test
    @Tag("slow")
    void theScalarKernelsGiveTheSameBits() {
        List<Request.Score> requests = requests(new Random(7), new int[] {8, 33});
        try (Engine scalar = open(KernelChoice.SCALAR, 2, 500);
                Engine vector = open(KernelChoice.VECTOR, 2, 4096)) {
            assertSame(Golden.all(scalar.score(requests.iterator())), Golden.all(vector.score(requests.iterator())));
        }
    }

    /// Four continuations of each of some prompts, in the order of continuations, so that those of a prompt are far
    /// from each other.
    @Test
    void eachPromptIsComputedOnceWhereverItsContinuationsStand() {
        Random random = new Random(1);
        List<int[]> prompts = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            prompts.add(tokens(random, 100));
        }
        List<Request.Score> requests = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            for (int[] prompt : prompts) {
                requests.add(request(requests.size(), prompt, tokens(random, 3)));
            }
        }
        try (Engine engine = open(KernelChoice.VECTOR, 2, 256)) {
            ScoringRun run = engine.score(requests.iterator());
            assertThat(Golden.all(run)).hasSize(40);
            assertThat(run.promptTokens()).isEqualTo(10 * 4 * 100);
            assertThat(run.sharedTokens()).isEqualTo(10 * 3 * 100);
            assertThat(engine.load().scoredTokens()).isEqualTo(10 * (100 + 4 * 2));
            assertThat(engine.load().sharedTokens()).isEqualTo(10 * 3 * 100);
            assertThat(engine.load().batches()).isEqualTo(5); // two prompts fit into a batch
        }
    }

    /// Prompts that begin alike share their beginning, as the examples before each question do.
    @Test
    void promptsThatBeginAlikeShareTheirBeginning() {
        Random random = new Random(2);
        int[] examples = tokens(random, 50);
        List<Request.Score> requests = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            int[] prompt = Arrays.copyOf(examples, 60);
            System.arraycopy(tokens(random, 10), 0, prompt, 50, 10);
            requests.add(request(i, prompt, tokens(random, 1)));
        }
        try (Engine engine = open(KernelChoice.VECTOR, 2, 4096)) {
            engine.score(requests.iterator()).forEachRemaining(result -> {});
            assertThat(engine.load().scoredTokens()).isBetween(100L, 100L + 5);
        }
    }

    @Test
    void documentsAreComputedWhole() {
        int[] document = tokens(new Random(3), 50);
        try (Engine engine = open(KernelChoice.VECTOR, 2, 4096)) {
            ScoringRun run =
                    engine.score(List.of(Golden.score(0, document, OPTIONS), Golden.score(1, document, OPTIONS))
                            .iterator());
            run.forEachRemaining(result -> {});
            assertThat(engine.load().scoredTokens()).isEqualTo(2 * 49);
            assertThat(run.promptTokens() + run.sharedTokens()).isZero();
        }
    }

    /// More labels of one token than the prompt and a batch have tokens.
    @Test
    void aPromptMayHaveMoreContinuationsThanTokens() {
        Random random = new Random(4);
        int[] prompt = tokens(random, 12);
        List<Request.Score> requests = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            requests.add(request(i, prompt, tokens(random, 1)));
        }
        try (Engine engine = open(KernelChoice.VECTOR, 2, 40)) {
            List<Result> results = Golden.all(engine.score(requests.iterator()));
            assertThat(results).hasSize(100);
            assertThat(engine.load().batches()).isEqualTo(3); // of 40 targets each
        }
    }

    private static List<Request.Score> requests(Random random, int[] prompts) {
        List<Request.Score> requests = new ArrayList<>();
        for (int length : prompts) {
            int[] prompt = tokens(random, length);
            int[] common = tokens(random, 40);
            for (int count : CONTINUATIONS) {
                requests.add(request(requests.size(), prompt, tokens(random, count)));
                int[] like = Arrays.copyOf(common, count + 1); // begins like the others
                like[count] = random.nextInt(8000);
                requests.add(request(requests.size(), prompt, like));
            }
        }
        return requests;
    }

    private static Request.Score request(long id, int[] prompt, int[] continuation) {
        return new Request.Score(id, new Content.Tokens(prompt), new Content.Tokens(continuation), OPTIONS);
    }

    private static int[] tokens(Random random, int count) {
        return random.ints(count, 0, 8000).toArray();
    }

    private static void assertSame(List<Result> results, List<Result> others) {
        assertThat(results).hasSameSizeAs(others);
        for (int i = 0; i < results.size(); i++) {
            Result.Scored scored = (Result.Scored) results.get(i);
            Result.Scored other = (Result.Scored) others.get(i);
            assertThat(scored.id()).isEqualTo(other.id());
            assertThat(scored.score().tokenLogProbabilities())
                    .as("request %d", scored.id())
                    .containsExactly(other.score().tokenLogProbabilities());
            assertThat(scored.greedy()).isEqualTo(other.greedy());
        }
    }

    private static Engine open(KernelChoice kernels, int threads, int batchTokens) {
        return Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, threads, batchTokens));
    }
}
