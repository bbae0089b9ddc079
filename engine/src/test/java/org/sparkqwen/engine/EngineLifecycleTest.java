package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.testing.Golden;

/// An engine releases its memory, and reports what has ended, when it, a run or a thread is stopped.
class EngineLifecycleTest {
    private static final Path MODEL = Golden.DIRECTORY.resolve("models/dense-tied-f32");
    private static final int[] TOKENS = {1, 2, 3, 4, 5};

    /// A run of either kind that is asked for its next result.
    enum Work {
        SCORE {
            @Override
            Iterator<Result> start(Engine engine) {
                Request.Score request = Golden.score(0, TOKENS, Golden.unprefixed(64, 32));
                return engine.score(List.of(request, request).iterator());
            }
        },
        GENERATE {
            @Override
            Iterator<Result> start(Engine engine) {
                Request.Generate request = Golden.generate(0, TOKENS, Golden.greedy(5));
                return engine.generate(List.of(request, request).iterator());
            }
        };

        abstract Iterator<Result> start(Engine engine);
    }

    @ParameterizedTest
    @EnumSource
    void aFinishedRunHoldsNoBlocks(Work work) {
        try (Engine engine = open()) {
            assertThat(Golden.all(work.start(engine))).hasSize(2);
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    /// The other texts have the first text's prompt and wait until it is computed, so there is a moment
    /// between the first result and their first blocks. They take seconds, so repeated checks will find them.
    @Test
    void aGenerationThatIsClosedMidwayHoldsNoBlocks() {
        Stream<Request.Generate> requests = Stream.concat(
                Stream.of(Golden.generate(0, TOKENS, Golden.greedy(1))),
                IntStream.rangeClosed(1, 40).mapToObj(i -> Golden.generate(i, TOKENS, Golden.greedy(900))));
        try (Engine engine = Engine.open(MODEL, Golden.options(KernelChoice.SCALAR, 1, 256))) {
            try (GenerationRun run = engine.generate(requests.iterator())) {
                assertThat(run.next().id()).isZero();
                await(() -> engine.blocksInUse() > 0, "texts go on");
            }
            awaitNoBlocksInUse(engine);
        }
    }

    /// Two engines that share a turn never compute at once; others do.
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void enginesThatShareATurnWaitForEachOther(boolean shared) throws InterruptedException {
        ReentrantLock turn = new ReentrantLock(true);
        EngineOptions options = Golden.options(KernelChoice.SCALAR, 1, 256);
        try (Engine one = Engine.open(MODEL, options, turn);
                Engine other = shared ? Engine.open(MODEL, options, turn) : Engine.open(MODEL, options)) {
            Thread scoring = new Thread(() -> Golden.all(Work.SCORE.start(other)));
            boolean waits = one.model().onModel(_ -> {
                scoring.start();
                if (!shared) {
                    join(scoring);
                    return false;
                }
                await(turn::hasQueuedThreads, "the other engine waits");
                return scoring.isAlive();
            });
            scoring.join();
            assertThat(waits).isEqualTo(shared);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void callersComeAndGoWhileATextIsGenerated() {
        try (Engine engine = open();
                GenerationRun going = engine.generate(List.of(
                                Golden.generate(0, TOKENS, Golden.greedy(1)),
                                Golden.generate(1, TOKENS, Golden.greedy(900)))
                        .iterator())) {
            going.next();
            while (engine.blocksInUse() > 0) { // until the long text has ended
                try (GenerationRun other = engine.generate(
                        List.of(Golden.generate(0, TOKENS, Golden.greedy(1))).iterator())) {
                    assertThat(other.hasNext()).isTrue();
                }
            }
            assertThat(((Result.Generated) going.next()).tokens()).hasSize(900);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aClosedEngineRefusesWork(Work work) {
        Engine engine = open();
        Iterator<Result> started = work.start(engine);
        started.next();
        Iterator<Result> notStarted = work.start(engine);
        engine.close();
        engine.close(); // closing it again does nothing
        assertThat(engine.blocksInUse()).isZero();

        assertThatThrownBy(notStarted::next)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the engine is closed");
        assertThatThrownBy(() -> work.start(engine).next())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the engine is closed");
        assertThat(engine.blocksInUse()).isZero();
    }

    @Test
    void aGenerationThatOutlivesItsEngineFailsAndCanBeClosed() {
        Engine engine = open();
        List<Request.Generate> requests =
                List.of(Golden.generate(0, TOKENS, Golden.greedy(1)), Golden.generate(1, TOKENS, Golden.greedy(500)));
        try (GenerationRun run = engine.generate(requests.iterator())) {
            run.next();
            engine.close();
            assertThatThrownBy(run::next)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("the engine is closed");
        }
        assertThat(engine.blocksInUse()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void anInterruptedThreadGetsNoResult(Work work) {
        try (Engine engine = open()) {
            Iterator<Result> run = work.start(engine);
            Thread.currentThread().interrupt();
            Throwable thrown = catchThrowable(run::next);
            assertThat(Thread.interrupted()).as("still interrupted").isTrue();
            assertThat(thrown).isInstanceOf(CancellationException.class).hasMessageContaining("interrupted");
            if (run instanceof GenerationRun generation) {
                generation.close();
            }
            awaitNoBlocksInUse(engine);
            assertThat(Golden.all(work.start(engine))).hasSize(2); // the engine still works
        }
    }

    @ParameterizedTest
    @EnumSource
    void aThreadThatWaitsForTheModelCanBeInterrupted(Work work) throws InterruptedException {
        try (Engine engine = open()) {
            CountDownLatch held = new CountDownLatch(1);
            CountDownLatch release = new CountDownLatch(1);
            Thread holder = Thread.ofPlatform()
                    .start(() -> engine.model().onModel(transformer -> {
                        held.countDown();
                        await(release);
                        return transformer;
                    }));
            held.await();

            AtomicReference<Throwable> thrown = new AtomicReference<>();
            Thread waiting = Thread.ofPlatform().start(() -> {
                Iterator<Result> run = work.start(engine);
                thrown.set(catchThrowable(run::next));
                if (run instanceof GenerationRun generation) {
                    generation.close();
                }
            });
            while (waiting.getState() != Thread.State.WAITING && waiting.getState() != Thread.State.TIMED_WAITING) {
                Thread.onSpinWait();
            }
            waiting.interrupt();
            waiting.join();
            assertThat(thrown.get()).isInstanceOf(CancellationException.class);

            release.countDown();
            holder.join();
            awaitNoBlocksInUse(engine);
        }
    }

    @Test
    void closingWaitsForTheBatchOnTheModel() throws InterruptedException {
        Engine engine = open();
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread holder = Thread.ofPlatform()
                .start(() -> thrown.set(catchThrowable(() -> engine.model().onModel(transformer -> {
                    held.countDown();
                    await(release);
                    return transformer.logits(MemorySegment.NULL, 0);
                }))));
        held.await();
        Thread closer = Thread.ofPlatform().start(engine::close);
        while (closer.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        release.countDown();
        holder.join();
        closer.join();
        assertThat(thrown.get()).isNull();
        assertThatThrownBy(() -> engine.model().onModel(transformer -> transformer))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the engine is closed");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1, 1, 'threads must be at least 1, not 0'", "1, 0, 1, 'batch-tokens must be at least 1, not 0'",
        "1, 1, 0, 'max-sequences must be at least 1, not 0'", "-3, 1, 1, 'threads must be at least 1, not -3'"
    })
    void optionsThatLeaveNoRoomAreRefused(int threads, int batchTokens, int maxSequences, String message) {
        assertThatThrownBy(() -> new EngineOptions(KernelChoice.AUTO, threads, batchTokens, maxSequences))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    /// Waits until a run's blocks are free, which they are when the step ends that computes its texts.
    private static void awaitNoBlocksInUse(Engine engine) {
        await(() -> engine.blocksInUse() == 0, "no blocks are in use");
    }

    private static void await(BooleanSupplier condition, String description) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("%s, in time", description).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Engine open() {
        return Engine.open(MODEL, Golden.options(KernelChoice.VECTOR, 2, 256));
    }
}
