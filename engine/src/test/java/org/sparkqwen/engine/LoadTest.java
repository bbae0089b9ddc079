package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.testing.Golden;

/// An engine reports what it has computed and what is in work.
class LoadTest {
    private static final Path MODEL = Golden.DIRECTORY.resolve("models/dense-tied-f32");

    @Test
    void aNewEngineReportsNoWork() {
        try (Engine engine = open(4)) {
            int blocks = engine.load().blocks();
            assertThat(blocks).isPositive();
            assertThat(engine.load()).isEqualTo(new Load(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, blocks, 0));
        }
    }

    @Test
    void countsTheTokensOfDocumentsAndTheirBatches() {
        int[] document = IntStream.range(0, 41).toArray();
        List<Request.Score> requests = IntStream.range(0, 3)
                .mapToObj(i -> Golden.score(i, document, Golden.unprefixed(64, 32)))
                .toList();
        try (Engine engine = open(4)) {
            assertThat(Golden.all(engine.score(requests.iterator()))).hasSize(3);
            Load load = engine.load();
            // Without a prefix, the last token is scored and not computed. A batch of 64 has room for one
            // document.
            assertThat(load.scoredTokens()).isEqualTo(3 * 40);
            assertThat(load.batches()).isEqualTo(3);
            assertThat(load.batchTokens()).isEqualTo(3 * 40);
            assertThat(load.promptTokens() + load.generatedTokens()).isZero();
        }
    }

    @Test
    void countsPromptTokensSharedTokensAndGeneratedTokens() {
        int[] prompt = IntStream.range(0, 40).toArray();
        try (Engine engine = open(4)) {
            assertThat(generate(engine, prompt, 7)).hasSize(1);
            Load first = engine.load();
            assertThat(first.promptTokens()).isEqualTo(40);
            assertThat(first.sharedTokens()).isZero();
            assertThat(first.generatedTokens()).isEqualTo(7);
            // The last token that is chosen is not computed.
            assertThat(first.batchTokens()).isEqualTo(40 + 6);
            assertThat(first.batches()).isEqualTo(7);
            assertThat(first.blocksUsed()).isZero();
            assertThat(first.blocksKept()).isEqualTo(2);

            assertThat(generate(engine, prompt, 7)).hasSize(1);
            Load second = engine.load();
            assertThat(second.promptTokens() + second.sharedTokens()).isEqualTo(2 * 40);
            assertThat(second.sharedTokens()).isBetween(32L, 39L);
            assertThat(second.generatedTokens()).isEqualTo(14);
        }
    }

    @Test
    void reportsRunningAndWaitingTexts() {
        Iterator<Request.Generate> endless = Stream.iterate(0, i -> i + 1)
                .map(i -> Golden.generate(i, new int[] {1, 2, 3, i % 90}, Golden.greedy(40)))
                .iterator();
        try (Engine engine = open(4);
                GenerationRun run = engine.generate(endless)) {
            boolean full = false;
            for (int i = 0; i < 5000 && !full; i++) {
                run.next();
                Load load = engine.load();
                assertThat(load.running()).isBetween(0, 4);
                assertThat(load.blocksUsed() > 0).isEqualTo(load.running() > 0);
                assertThat(load.blocksUsed() + load.blocksKept()).isLessThanOrEqualTo(load.blocks());
                full = load.running() == 4 && load.waiting() > 0;
            }
            assertThat(full).as("once four texts ran and others waited").isTrue();
        }
    }

    private static List<Result> generate(Engine engine, int[] prompt, int tokens) {
        List<Request.Generate> requests = List.of(Golden.generate(0, prompt, Golden.greedy(tokens)));
        return Golden.all(engine.generate(requests.iterator()));
    }

    private static Engine open(int maxSequences) {
        return Engine.open(MODEL, new EngineOptions(KernelChoice.AUTO, 1, 64, maxSequences));
    }
}
