package org.sparkqwen.engine.cache;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.HostBuffers;
import org.sparkqwen.engine.kernels.KeyValueFormat;

/// The blocks that sequences share, and those that are evicted.
class KeyValueCacheTest {
    private static final AttentionShape SHAPE = new AttentionShape(1, 1, 32);
    private static final CacheLayout LAYOUT = new CacheLayout(SHAPE, KeyValueFormat.F32, 2, 32);
    private static final int BLOCKS = 6;
    private static final int NO_LIMIT = Integer.MAX_VALUE;

    private final BlockPool pool = new BlockPool(LAYOUT, BLOCKS * LAYOUT.bytes(), new HostBuffers());
    private final KeyValueCache cache = new KeyValueCache(pool);

    @AfterEach
    void close() {
        pool.close();
    }

    @Test
    void wholeBlocksOfAPromptAreReadInPlace() {
        BlockTable first = computed(tokens(70));
        KeyValueCache.Found found = cache.find(tokens(100), NO_LIMIT);
        BlockTable second = cache.open(found);

        assertThat(found.whole()).hasSize(2);
        assertThat(second.keysAndValues(0)).isEqualTo(first.keysAndValues(0).subList(0, 2));
        assertThat(cache.inUse()).isEqualTo(3);
    }

    @Test
    void ofABlockInCommonOnlyInPartACopyIsTaken() {
        int[] prompt = tokens(60);
        BlockTable first = computed(prompt);
        first.keysAndValues(1).get(1).fill((byte) 1);
        int[] other = prompt.clone();
        other[50] = -1;

        KeyValueCache.Found found = cache.find(other, NO_LIMIT);
        BlockTable second = cache.open(found);
        assertThat(cache.copyPartial(second, found)).isEqualTo(50 - 32);

        MemorySegment copy = second.keysAndValues(1).get(1);
        assertThat(copy.address()).isNotEqualTo(first.keysAndValues(1).get(1).address());
        int keys = SHAPE.headDim() * 32;
        float ones = first.keysAndValues(1).get(1).getAtIndex(JAVA_FLOAT, 0);
        assertThat(copy.getAtIndex(JAVA_FLOAT, 0)).isEqualTo(ones);
        assertThat(copy.getAtIndex(JAVA_FLOAT, keys + 17L * 32))
                .as("the 18th value")
                .isEqualTo(ones);
        assertThat(copy.getAtIndex(JAVA_FLOAT, keys + 18L * 32)).as("the 19th").isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {31, 32, 33, 63, 64, 65, 69})
    void noMoreIsFoundThanMayBe(int most) {
        computed(tokens(70));
        KeyValueCache.Found found = cache.find(tokens(70), most);
        assertThat(found.whole().size() * 32 + found.partialTokens()).isEqualTo(most);
    }

    @Test
    void whatWasPlannedAndNotComputedIsNotCopied() {
        BlockTable planned = planned(tokens(60));
        KeyValueCache.Found found = cache.find(tokens(60), NO_LIMIT);
        assertThat(found.whole())
                .as("a step stores the keys of all before any attends")
                .hasSize(1);
        assertThat(found.partialTokens()).isZero();
        assertThat(found.waits()).as("28 tokens more with the next step").isTrue();

        cache.computed(planned);
        found = cache.find(tokens(60), NO_LIMIT);
        assertThat(found.partialTokens()).isEqualTo(28);
        assertThat(found.waits()).isFalse();
    }

    @Test
    void aStepThatFailedLeavesNothingToBeFound() {
        BlockTable planned = planned(tokens(60));
        cache.release(planned);
        assertThat(cache.find(tokens(60), NO_LIMIT).whole()).isEmpty();
        assertThat(pool.inUse()).isZero();
    }

    @Test
    void twoWhoComputeTheSameBlockEndUpWithOne() {
        BlockTable first = new BlockTable(LAYOUT);
        BlockTable second = new BlockTable(LAYOUT);
        int[] prompt = tokens(64);
        for (int end : List.of(32, 64)) {
            for (BlockTable table : List.of(first, second)) {
                assertThat(cache.grow(table, end)).isTrue();
                cache.offer(table, prompt, 64, end);
                cache.computed(table);
            }
        }
        assertThat(second.blocks).isEqualTo(first.blocks);
        assertThat(cache.inUse()).isEqualTo(2);
    }

    @Test
    void promptsStayUntilTheirRoomIsNeededTheLongestUnusedGoesFirst() {
        int[] old = tokens(32, 1);
        int[] used = tokens(32, 2);
        cache.release(computed(old));
        cache.release(computed(used));
        cache.release(cache.open(cache.find(old, NO_LIMIT))); // old was used last
        assertThat(cache.inUse()).isZero();
        assertThat(pool.inUse()).isEqualTo(2);
        assertThat(cache.available()).isEqualTo(BLOCKS);

        BlockTable large = new BlockTable(LAYOUT);
        assertThat(cache.grow(large, 32 * (BLOCKS - 1))).isTrue();
        assertThat(cache.find(used, NO_LIMIT).whole()).isEmpty();
        assertThat(cache.find(old, NO_LIMIT).whole()).hasSize(1);
    }

    @Test
    void aPromptGoesFromItsEndWhatOthersUseStays() {
        int[] prompt = tokens(96);
        BlockTable table = computed(prompt);
        BlockTable reader = cache.open(cache.find(Arrays.copyOf(prompt, 32), NO_LIMIT));
        cache.release(table);

        BlockTable large = new BlockTable(LAYOUT);
        assertThat(cache.grow(large, 32 * 4)).isTrue();
        assertThat(cache.find(prompt, NO_LIMIT).whole()).hasSize(2);
        assertThat(cache.grow(large, 32 * 5)).isTrue();
        assertThat(cache.find(prompt, NO_LIMIT).whole()).hasSize(1);
        assertThat(cache.grow(large, 32 * 6)).as("the first block is in use").isFalse();

        cache.release(reader);
        assertThat(cache.grow(large, 32 * 6)).isTrue();
        assertThat(cache.inUse()).isEqualTo(BLOCKS);
    }

    @Test
    void aBlockOfAnotherSequenceHasNoValuesLeft() {
        BlockTable table = new BlockTable(LAYOUT);
        cache.grow(table, 32);
        MemorySegment memory = table.keysAndValues(1).getFirst();
        memory.fill((byte) -1); // NaN
        cache.release(table);

        BlockTable next = new BlockTable(LAYOUT);
        cache.grow(next, 32);
        assertThat(next.keysAndValues(1).getFirst().address()).isEqualTo(memory.address());
        float[] all = memory.toArray(JAVA_FLOAT);
        for (int i = 32 * 32; i < all.length; i++) {
            assertThat(all[i]).isZero();
        }
    }

    @Test
    void aBlockHasAMultipleOf32Tokens() {
        assertThatThrownBy(() -> new CacheLayout(SHAPE, KeyValueFormat.F32, 1, 48))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a block must have a multiple of 32 tokens, not 48");
    }

    private BlockTable computed(int[] prompt) {
        BlockTable table = planned(prompt);
        cache.computed(table);
        return table;
    }

    private BlockTable planned(int[] prompt) {
        BlockTable table = new BlockTable(LAYOUT);
        assertThat(cache.grow(table, prompt.length)).isTrue();
        cache.offer(table, prompt, prompt.length, prompt.length);
        return table;
    }

    private static int[] tokens(int count) {
        return tokens(count, 0);
    }

    private static int[] tokens(int count, int first) {
        return IntStream.range(first, first + count).toArray();
    }
}
