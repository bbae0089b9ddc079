package org.sparkqwen.job.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SharedValuesTest {
    /// Threads of their own, because the common pool of a small machine has one.
    private static final Executor THREADS = task -> Thread.ofPlatform().daemon().start(task);

    private final SharedValues<String, String> values = new SharedValues<>(2);
    private final List<String> made = new ArrayList<>();

    private String get(String key) {
        return values.get(key, () -> {
            made.add(key);
            return key + key;
        });
    }

    @Test
    void aValueIsMadeOnce() {
        assertThat(List.of(get("a"), get("a"))).containsExactly("aa", "aa");
        assertThat(made).containsExactly("a");
    }

    @Test
    void theLongestUnusedValueIsDropped() {
        List.of("a", "b", "a", "c", "a", "b").forEach(this::get);
        assertThat(made).containsExactly("a", "b", "c", "b");
    }

    @Test
    void whoNeedsTheSameValueWaitsAndWhoNeedsAnotherDoesNot() {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        CompletableFuture<String> first =
                CompletableFuture.supplyAsync(() -> values.get("a", slow(begun, end)), THREADS);
        await(begun);
        CompletableFuture<String> second = CompletableFuture.supplyAsync(() -> get("a"), THREADS);
        assertThat(get("b")).isEqualTo("bb");
        assertThat(second).isNotDone();
        end.countDown();
        assertThat(List.of(first.join(), second.join())).containsExactly("slow", "slow");
        assertThat(made).containsExactly("b");
    }

    /// A query that fails may have been cancelled, which says nothing about the others.
    @Test
    void whoWaitedForAFailureTriesByItself() {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        CompletableFuture<String> failing = CompletableFuture.supplyAsync(
                () -> values.get("a", () -> {
                    throw new IllegalStateException(slow(begun, end).get() + " and cancelled");
                }),
                THREADS);
        await(begun);
        CompletableFuture<String> waiting = CompletableFuture.supplyAsync(() -> get("a"), THREADS);
        end.countDown();
        assertThatThrownBy(failing::join).hasMessageContaining("cancelled");
        assertThat(waiting.join()).isEqualTo("aa");
    }

    @Test
    void whoWaitsCanBeInterrupted() {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        CompletableFuture<String> first =
                CompletableFuture.supplyAsync(() -> values.get("a", slow(begun, end)), THREADS);
        await(begun);
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> get("a")).isInstanceOf(CancellationException.class);
        assertThat(Thread.interrupted()).isTrue();
        end.countDown();
        assertThat(first.join()).isEqualTo("slow");
    }

    private static Supplier<String> slow(CountDownLatch begun, CountDownLatch end) {
        return () -> {
            begun.countDown();
            await(end);
            return "slow";
        };
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
