package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.testing.Golden;

/// The engine gives transformers' greedy continuations, however it batches: with any neighbours, with chunks
/// of any length, with blocks of any size, for several callers at once, and with a cache so small that texts
/// are preempted and computed again.
class BatchingTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));
    private static final int NEW_TOKENS = 32;
    private static final long BLOCK_OF_32 = blockBytes();

    @ParameterizedTest
    @CsvSource({"33, 5, 32, 1000", "4096, 64, 128, 1000", "50, 64, 32, 9"})
    void greedyContinuationsAreThoseOfTransformers(int batchTokens, int maxSequences, int blockTokens, int blocks) {
        assertGreedyContinuations(batchTokens, maxSequences, blockTokens, blocks);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 32, 1000",
        "1, 64, 64, 1000",
        "3, 2, 32, 1000",
        "5, 64, 64, 16",
        "7, 64, 128, 1000",
        "4096, 64, 64, 1000",
        "4096, 64, 32, 12"
    })
    @Tag("slow")
    void greedyContinuationsInOtherBatchesAreThoseOfTransformers(
            int batchTokens, int maxSequences, int blockTokens, int blocks) {
        assertGreedyContinuations(batchTokens, maxSequences, blockTokens, blocks);
    }

    /// @param blocks the number of blocks of 32 tokens for which the cache has room
    private static void assertGreedyContinuations(int batchTokens, int maxSequences, int blockTokens, int blocks) {
        List<Request.Generate> requests = goldenAndNeighbours();
        KeyValueOptions keyValues =
                new KeyValueOptions(KeyValueFormat.F32, blocks * BLOCK_OF_32).withBlockTokens(blockTokens);
        try (Engine engine = open(batchTokens, maxSequences, keyValues)) {
            assertGolden(Golden.all(engine.generate(requests.iterator())));
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    /// Callers pass their requests at any moment while others' texts are generated.
    @Test
    void greedyContinuationsAreThoseOfTransformersForCallersAtOnce() throws InterruptedException, ExecutionException {
        KeyValueOptions small = new KeyValueOptions(KeyValueFormat.F32, 14 * BLOCK_OF_32);
        try (Engine engine = open(40, 6, small);
                ExecutorService callers = Executors.newFixedThreadPool(5)) {
            List<Future<List<Result>>> results = new ArrayList<>();
            for (int caller = 0; caller < 5; caller++) {
                results.add(callers.submit(
                        () -> Golden.all(engine.generate(goldenAndNeighbours().iterator()))));
            }
            for (Future<List<Result>> result : results) {
                assertGolden(result.get());
            }
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    @Test
    void preemptedTextsAreTheSame() {
        Random random = new Random(5);
        List<Request.Generate> requests = IntStream.range(0, 8)
                .mapToObj(i -> Golden.generate(i, random.ints(5, 0, 2000).toArray(), Golden.greedy(200)))
                .toList();
        List<Result> expected;
        try (Engine engine = open(4096, 64, KeyValueOptions.DEFAULT)) {
            expected = Golden.all(engine.generate(requests.iterator()));
            assertThat(engine.preemptions()).isZero();
        }
        try (Engine engine = open(64, 64, new KeyValueOptions(KeyValueFormat.F32, 16 * BLOCK_OF_32))) {
            assertThat(Golden.all(engine.generate(requests.iterator()))).isEqualTo(expected);
            assertThat(engine.preemptions()).isPositive();
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    /// Some prompts begin alike. They share the tokens of another prompt or of a template, up to the middle
    /// of a block or to its end.
    @ParameterizedTest
    @CsvSource({"4096, 3, 64", "17, 5, 32"})
    void textsAreTheSameWithSharedPromptsAndWithout(int batchTokens, int maxSequences, int blockTokens) {
        assertSharedPromptsChangeNoText(batchTokens, maxSequences, blockTokens);
    }

    @ParameterizedTest
    @CsvSource({"64, 64, 32", "4096, 64, 32"})
    @Tag("slow")
    void textsInOtherBatchesAreTheSameWithSharedPromptsAndWithout(int batchTokens, int maxSequences, int blockTokens) {
        assertSharedPromptsChangeNoText(batchTokens, maxSequences, blockTokens);
    }

    private static void assertSharedPromptsChangeNoText(int batchTokens, int maxSequences, int blockTokens) {
        List<Request.Generate> requests = promptsThatBeginAlike();
        KeyValueOptions keyValues =
                new KeyValueOptions(KeyValueFormat.F32, 1000 * BLOCK_OF_32).withBlockTokens(blockTokens);
        try (Engine engine = open(batchTokens, maxSequences, keyValues);
                GenerationRun run = engine.generate(requests.iterator())) {
            for (Result result : Golden.all(run)) {
                assertThat(result).isEqualTo(Alone.RESULTS.get(result.id()));
            }
            assertThat(run.promptTokens())
                    .isEqualTo(requests.stream()
                            .mapToInt(request -> ((Content.Tokens) request.content()).ids().length)
                            .sum());
            assertThat((double) run.sharedTokens() / run.promptTokens())
                    .as("most of a prompt is the template")
                    .isBetween(0.6, 0.95);
        }
    }

    @Test
    void samplesShareTheirPrompt() {
        int[] prompt = new Random(1).ints(100, 0, 2000).toArray();
        GenerationParams params = Golden.sampled(8, 1, 1);
        List<Request.Generate> samples = IntStream.range(0, 8)
                .mapToObj(sample -> new Request.Generate(sample, new Content.Tokens(prompt), sample, params))
                .toList();
        try (Engine engine = open(4096, 64, KeyValueOptions.DEFAULT);
                GenerationRun run = engine.generate(samples.iterator())) {
            assertThat(Golden.all(run)).hasSize(8).doesNotHaveDuplicates();
            assertThat(run.promptTokens()).isEqualTo(800);
            assertThat(run.sharedTokens())
                    .as("all but the last token, whose logits choose the first of the text")
                    .isEqualTo(7 * 99);
        }
    }

    /// A KV cache in bfloat16 is rounded, so it gives other results. Batches do not change them either.
    @Test
    void batchesChangeNoTextWithABfloat16Cache() {
        List<Request.Generate> requests = goldenAndNeighbours().subList(0, 12);
        List<Result> expected;
        try (Engine engine = open(4096, 64, new KeyValueOptions(KeyValueFormat.BF16, 1 << 30))) {
            expected = Golden.all(engine.generate(requests.iterator()));
        }
        try (Engine engine =
                open(5, 7, new KeyValueOptions(KeyValueFormat.BF16, 8 * BLOCK_OF_32).withBlockTokens(64))) {
            assertThat(Golden.all(engine.generate(requests.iterator()))).isEqualTo(expected);
        }
        List<Result> exact;
        try (Engine engine = open(4096, 64, KeyValueOptions.DEFAULT)) {
            exact = Golden.all(engine.generate(requests.iterator()));
        }
        assertThat(expected).isNotEqualTo(exact);
        for (int i = 0; i < exact.size(); i++) {
            double first = ((Result.Generated) exact.get(i)).logProbabilities().getFirst();
            double rounded =
                    ((Result.Generated) expected.get(i)).logProbabilities().getFirst();
            assertThat(Math.abs(first - rounded)).isLessThan(0.1);
        }
    }

    @Test
    void onlyATextTooLongForTheCacheIsRejected() {
        KeyValueOptions small = new KeyValueOptions(KeyValueFormat.F32, 3 * BLOCK_OF_32);
        int[] prompt = new Random(2).ints(90, 0, 2000).toArray();
        List<Request.Generate> requests = List.of(
                Golden.generate(0, Arrays.copyOf(prompt, 20), Golden.greedy(5)),
                Golden.generate(1, IntStream.range(0, 97).toArray(), Golden.greedy(5)),
                Golden.generate(2, Arrays.copyOf(prompt, 92), Golden.greedy(5)),
                Golden.generate(3, prompt, Golden.greedy(7)), // the last token is never computed
                Golden.generate(4, prompt, Golden.greedy(8)));
        try (Engine engine = open(4096, 64, small)) {
            List<Result> results = Golden.all(engine.generate(requests.iterator()));
            assertThat(results.get(0)).isInstanceOf(Result.Generated.class);
            assertThat(results.get(1))
                    .isEqualTo(new Result.Rejected(
                            1,
                            "97 tokens of prompt and text do not fit into the key/value cache, which holds 96; give it"
                                    + " more memory"));
            assertThat(results.get(2)).isInstanceOf(Result.Generated.class);
            assertThat(results.get(3)).isInstanceOf(Result.Generated.class);
            assertThat(results.get(4)).isInstanceOf(Result.Rejected.class);
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    static List<int[]> lengths() {
        return List.of(new int[] {1, 2, 3}, new int[] {31, 32, 33}, new int[] {63, 64, 65});
    }

    @ParameterizedTest
    @MethodSource("lengths")
    void promptsThatEndAtTheEdgesOfBlocksAreWhole(int[] lengths) {
        int[] ids = Golden.ints(GOLDEN.get("greedy").get(0).get("tokens"));
        int[] source = IntStream.range(0, 100).map(i -> ids[i % ids.length]).toArray();
        List<Request.Generate> requests = Arrays.stream(lengths)
                .mapToObj(length -> Golden.generate(length, Arrays.copyOf(source, length), Golden.greedy(3)))
                .toList();
        try (Engine engine = open(4096, 64, KeyValueOptions.DEFAULT)) {
            for (Result result : Golden.all(engine.generate(requests.iterator()))) {
                assertThat(((Result.Generated) result).promptTokens()).isEqualTo((int) result.id());
                int[] prompt = Arrays.copyOf(source, (int) result.id());
                assertThat(((Result.Generated) result).tokens())
                        .isEqualTo(Golden.generated(engine, prompt, Golden.greedy(3))
                                .tokens());
            }
        }
    }

    /// Returns the golden prompts with ids from 0 on, and other texts of many lengths that come and go beside
    /// them.
    private static List<Request.Generate> goldenAndNeighbours() {
        Random random = new Random(3);
        List<Request.Generate> requests = new ArrayList<>();
        int goldens = GOLDEN.get("greedy").size();
        for (int i = 0; i < goldens; i++) {
            int[] prompt = Golden.ints(GOLDEN.get("greedy").get(i).get("ids"));
            requests.add(Golden.generate(i, prompt, Golden.greedy(NEW_TOKENS)));
            for (int j = 0; j < 3; j++) {
                int[] other = random.ints(random.nextInt(1, 120), 0, 2000).toArray();
                long id = 1000L + requests.size();
                requests.add(Golden.generate(id, other, Golden.greedy(random.nextInt(1, 40))));
            }
        }
        return requests;
    }

    private static void assertGolden(List<Result> results) {
        int checked = 0;
        for (Result result : results) {
            assertThat(result).isInstanceOf(Result.Generated.class);
            if (result.id() < 1000) {
                List<Integer> tokens = ((Result.Generated) result).tokens();
                int[] expected =
                        Golden.ints(GOLDEN.get("greedy").get((int) result.id()).get("tokens"));
                for (int i = 0; i < tokens.size(); i++) {
                    assertThat(tokens.get(i)).isEqualTo(expected[i]);
                    checked++;
                }
            }
        }
        assertThat(checked).as("golden tokens").isGreaterThan(100);
    }

    private static List<Request.Generate> promptsThatBeginAlike() {
        Random random = new Random(4);
        int[] template = random.ints(90, 0, 2000).toArray();
        List<Request.Generate> requests = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            int common = switch (i % 3) {
                case 0 -> 90;
                case 1 -> 64;
                default -> random.nextInt(20, 90);
            };
            int[] own = random.ints(random.nextInt(1, 20), 0, 2000).toArray();
            int[] prompt = IntStream.concat(Arrays.stream(template, 0, common), Arrays.stream(own))
                    .toArray();
            requests.add(Golden.generate(i, prompt, Golden.greedy(6)));
        }
        return requests;
    }

    private static long blockBytes() {
        try (Engine engine = open(1, 1, KeyValueOptions.DEFAULT)) {
            return engine.model().newGenerationBlocks().layout().bytes();
        }
    }

    private static Engine open(int batchTokens, int maxSequences, KeyValueOptions keyValues) {
        return Engine.open(
                Golden.SMALL_MODEL,
                new EngineOptions(KernelChoice.VECTOR, 2, batchTokens, maxSequences).withKeyValues(keyValues));
    }

    /// What prompts that begin alike give in an engine of their own, by their id.
    private static final class Alone {
        static final Map<Long, Result> RESULTS = new HashMap<>();

        static {
            for (Request.Generate request : promptsThatBeginAlike()) {
                try (Engine engine = open(4096, 1, KeyValueOptions.DEFAULT)) {
                    RESULTS.put(
                            request.id(),
                            engine.generate(List.of(request).iterator()).next());
                }
            }
        }
    }
}
