package org.sparkqwen.engine.scheduler;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.CacheLayout;
import org.sparkqwen.engine.cache.KeyValueCache;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.HostBuffers;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.scheduler.Batch.Slice;

/// The tokens of each step, over a real KV cache. A counter replaces the model, and appends its value as the next
/// token.
class SchedulerTest {
    private static final CacheLayout LAYOUT = new CacheLayout(new AttentionShape(1, 1, 32), KeyValueFormat.F32, 1, 32);

    private final Map<Sequence, Integer> lengths = new HashMap<>(); // at which sequences end
    private BlockPool pool = new BlockPool(LAYOUT, LAYOUT.bytes(), new HostBuffers());
    private KeyValueCache cache = new KeyValueCache(pool);
    private int tokens;

    @AfterEach
    void close() {
        pool.close();
    }

    @Test
    void aLongPromptIsComputedInChunksOfTheBudget() {
        Scheduler scheduler = scheduler(100, 40, 4);
        add(scheduler, scheduler.open(), sequence(100), 2);

        assertThat(rows(step(scheduler))).containsExactly(40);
        assertThat(rows(step(scheduler))).containsExactly(40);
        assertThat(rows(step(scheduler))).containsExactly(20); // and the first token of the text
        assertThat(rows(step(scheduler))).containsExactly(1);
        assertThat(scheduler.isIdle()).isTrue();
    }

    @Test
    void textsThatAreGeneratedGoOnWhileALongPromptIsComputed() {
        Scheduler scheduler = scheduler(100, 40, 4);
        SequenceQueue queue = scheduler.open();
        add(scheduler, queue, sequence(3), 9);
        add(scheduler, queue, sequence(5), 9);
        step(scheduler);
        add(scheduler, queue, sequence(100), 9);

        assertThat(rows(step(scheduler))).containsExactly(1, 1, 38);
        assertThat(rows(step(scheduler))).containsExactly(1, 1, 38);
        assertThat(rows(step(scheduler))).containsExactly(1, 1, 24);
        assertThat(rows(step(scheduler))).containsExactly(1, 1, 1);
    }

    @Test
    void theStepAfterATextsEndHasTheNextOne() {
        Scheduler scheduler = scheduler(100, 40, 2);
        SequenceQueue queue = scheduler.open();
        Sequence first = add(scheduler, queue, sequence(3), 1);
        Sequence second = add(scheduler, queue, sequence(3), 3);
        Sequence third = add(scheduler, queue, sequence(3), 3);

        assertThat(sequences(step(scheduler))).containsExactly(first, second);
        assertThat(sequences(step(scheduler))).containsExactly(second, third);
    }

    @Test
    void callersGetRoomInTurn() {
        Scheduler scheduler = scheduler(100, 1000, 6);
        SequenceQueue many = scheduler.open();
        SequenceQueue few = scheduler.open();
        for (int i = 0; i < 20; i++) {
            add(scheduler, many, sequence(4), 5);
        }
        List<Sequence> ofFew = List.of(
                add(scheduler, few, sequence(4), 5),
                add(scheduler, few, sequence(4), 5),
                add(scheduler, few, sequence(4), 5));

        assertThat(sequences(step(scheduler))).hasSize(6).containsAll(ofFew);
    }

    @Test
    void theLastToHaveGotRoomWaitsForTheOthers() {
        Scheduler scheduler = scheduler(100, 1000, 1);
        List<SequenceQueue> queues = List.of(scheduler.open(), scheduler.open(), scheduler.open());
        List<Sequence> expected = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            for (SequenceQueue queue : queues) {
                expected.add(add(scheduler, queue, sequence(4), 1));
            }
        }
        List<Sequence> order = new ArrayList<>();
        while (!scheduler.isIdle()) {
            order.addAll(sequences(step(scheduler)));
        }
        assertThat(order).containsExactlyElementsOf(expected);
    }

    @Test
    void whenTheCacheIsFullTheYoungestIsStoppedAndComputedAgain() {
        Scheduler scheduler = scheduler(4, 1000, 4);
        SequenceQueue queue = scheduler.open();
        Sequence oldest = add(scheduler, queue, sequence(30), 60); // three blocks in the end
        Sequence youngest = add(scheduler, queue, sequence(30), 60);
        int least = Integer.MAX_VALUE;
        while (lengths.containsKey(oldest)) {
            step(scheduler);
            if (lengths.containsKey(oldest)) {
                least = Math.min(least, oldest.computed());
            }
        }
        assertThat(least).as("the oldest never starts again").isEqualTo(30);
        assertThat(scheduler.preemptions()).isEqualTo(1);
        assertThat(youngest.length()).isBetween(31, 89);

        Batch again = step(scheduler);
        assertThat(rows(again)).as("all but its prompt, which stayed").containsExactly(youngest.length() - 1 - 30);
        while (!scheduler.isIdle()) {
            step(scheduler);
        }
        assertThat(youngest.length()).isEqualTo(90);
    }

    @Test
    void aTextThatTheWholeCacheCannotHoldIsNamedAndTheOthersGoOn() {
        Scheduler scheduler = scheduler(3, 1000, 4);
        SequenceQueue queue = scheduler.open();
        Sequence short1 = add(scheduler, queue, sequence(10), 20);
        Sequence long1 = add(scheduler, queue, sequence(97), 1);
        Sequence grows = add(scheduler, queue, sequence(90), 20);
        Sequence short2 = add(scheduler, queue, sequence(10), 20);
        assertThat(scheduler.mostTokens()).isEqualTo(96);

        List<Sequence> overflowing = new ArrayList<>();
        while (!scheduler.isIdle()) {
            Scheduler.Plan plan = scheduler.plan();
            if (plan.overflowing() != null) {
                overflowing.add(plan.overflowing());
                scheduler.end(plan.overflowing());
            }
            compute(scheduler, plan.batch());
        }
        assertThat(overflowing).containsExactly(long1, grows);
        assertThat(grows.length()).isEqualTo(97);
        assertThat(short1.length()).isEqualTo(30);
        assertThat(short2.length()).isEqualTo(30);
    }

    @Test
    void aPromptThatAnotherBeginsWithIsComputedOnce() {
        Scheduler scheduler = scheduler(20, 1000, 8);
        SequenceQueue queue = scheduler.open();
        int[] template = random(80);
        Sequence first = add(scheduler, queue, new Sequence(join(template, 1, 2)), 3);
        Sequence second = add(scheduler, queue, new Sequence(join(template, 3, 4)), 3);

        // Two whole blocks are shared at once, in the step that computes them; for the 16 tokens after them the second
        // text waits until they are there to be copied.
        assertThat(sequences(step(scheduler))).containsExactly(first);
        assertThat(rows(step(scheduler))).containsExactly(1, 2);
        assertThat(second.shared()).isEqualTo(80);
        assertThat(first.shared()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 70, 96})
    void samplesOfOnePromptComputeItOnce(int length) {
        Scheduler scheduler = scheduler(20, 1000, 8);
        SequenceQueue queue = scheduler.open();
        int[] prompt = random(length);
        for (int sample = 0; sample < 4; sample++) {
            add(scheduler, queue, new Sequence(prompt), 3);
        }
        // The last token is always computed, because its logits choose the next.
        assertThat(rows(step(scheduler))).containsExactly(length);
        assertThat(rows(step(scheduler))).containsExactly(1, 1, 1, 1);
    }

    @Test
    void samplesOfAPromptThatEndsAfterAWholeBlockShareItInTheStepThatComputesIt() {
        Scheduler scheduler = scheduler(20, 1000, 8);
        SequenceQueue queue = scheduler.open();
        int[] prompt = random(65);
        for (int sample = 0; sample < 4; sample++) {
            add(scheduler, queue, new Sequence(prompt), 3);
        }
        assertThat(rows(step(scheduler))).containsExactly(65, 1, 1, 1);
    }

    @Test
    void aCallerWhoLeavesFreesItsBlocksAndNothingElse() {
        Scheduler scheduler = scheduler(20, 1000, 2);
        SequenceQueue leaving = scheduler.open();
        SequenceQueue staying = scheduler.open();
        add(scheduler, leaving, sequence(40), 9);
        add(scheduler, leaving, sequence(40), 9);
        Sequence stays = add(scheduler, staying, sequence(40), 2);
        step(scheduler);
        assertThat(cache.inUse()).isEqualTo(4);

        scheduler.close(leaving);
        assertThat(cache.inUse()).isEqualTo(2);
        assertThat(sequences(step(scheduler))).containsExactly(stays);
        assertThat(scheduler.isIdle()).isTrue();
        assertThat(cache.inUse()).isZero();
    }

    /// For any texts and however small a cache, a step stays within its budget, every text ends at its length, and
    /// no block is left behind.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void everyTextComesToItsEnd(long seed) {
        Random random = new Random(seed);
        int budget = random.nextInt(1, 200);
        int most = random.nextInt(1, 12);
        Scheduler scheduler = scheduler(random.nextInt(5, 30), budget, most);
        List<SequenceQueue> queues = List.of(scheduler.open(), scheduler.open(), scheduler.open());
        List<int[]> beginnings = List.of(random(70), random(33), random(5), new int[0]);
        int left = 60;
        Map<Sequence, Integer> all = new HashMap<>();
        while (left > 0 || !scheduler.isIdle()) {
            for (int i = random.nextInt(4); i > 0 && left > 0; i--, left--) {
                int[] prompt = join(beginnings.get(random.nextInt(4)), random(random.nextInt(1, 60)));
                Sequence sequence =
                        add(scheduler, queues.get(random.nextInt(3)), new Sequence(prompt), random.nextInt(1, 25));
                all.put(sequence, lengths.get(sequence));
            }
            Batch batch = step(scheduler);
            assertThat(batch.tokens().length).isLessThanOrEqualTo(budget);
            assertThat(batch.slices()).hasSizeLessThanOrEqualTo(most);
            assertThat(scheduler.isIdle() || !batch.slices().isEmpty())
                    .as("there is progress")
                    .isTrue();
        }
        assertThat(all)
                .hasSize(60)
                .allSatisfy((sequence, length) -> assertThat(sequence.length()).isEqualTo(length));
        assertThat(cache.inUse()).isZero();
    }

    private Scheduler scheduler(int blocks, int budget, int maxSequences) {
        pool.close();
        pool = new BlockPool(LAYOUT, blocks * LAYOUT.bytes(), new HostBuffers());
        cache = new KeyValueCache(pool);
        return new Scheduler(cache, budget, maxSequences);
    }

    /// @param outputs the number of tokens after which the sequence ends
    private Sequence add(Scheduler scheduler, SequenceQueue queue, Sequence sequence, int outputs) {
        scheduler.add(queue, sequence);
        lengths.put(sequence, sequence.length() + outputs);
        return sequence;
    }

    private Sequence sequence(int prompt) {
        return new Sequence(random(prompt));
    }

    /// Returns tokens that no other prompt has.
    private int[] random(int count) {
        return IntStream.range(0, count).map(i -> tokens++).toArray();
    }

    private static int[] join(int[] beginning, int... end) {
        return IntStream.concat(IntStream.of(beginning), IntStream.of(end)).toArray();
    }

    private Batch step(Scheduler scheduler) {
        Scheduler.Plan plan = scheduler.plan();
        assertThat(plan.overflowing()).isNull();
        compute(scheduler, plan.batch());
        return plan.batch();
    }

    private void compute(Scheduler scheduler, Batch batch) {
        List<Sequence> ended =
                batch.slices().stream().filter(Slice::last).map(Slice::sequence).toList();
        batch.markComputed();
        scheduler.computed(batch);
        for (Sequence sequence : ended) {
            sequence.append(tokens++);
            if (sequence.length() == lengths.getOrDefault(sequence, 0)) {
                lengths.remove(sequence);
                scheduler.end(sequence);
            }
        }
    }

    private static List<Integer> rows(Batch batch) {
        return batch.slices().stream().map(Slice::tokens).toList();
    }

    private static List<Sequence> sequences(Batch batch) {
        return batch.slices().stream().map(Slice::sequence).toList();
    }
}
