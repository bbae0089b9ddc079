package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.ResidentMemory;

/// Four callers generate 20,000 short texts in a cache that is too small for them, and some callers leave
/// midway. Afterwards the memory on the heap and off the heap is the same as after the first texts.
class GenerationSoakTest {
    private static final int TEXTS = 20_000;
    private static final int CALLERS = 4;
    private static final int ROUNDS = 10;

    /// The tolerance is 50 bytes a text. Anything that one text holds, such as a block or the list of its
    /// tokens, is more.
    private static final long HEAP_TOLERANCE = 50L * TEXTS;

    /// The compiler and the collector still allocate and release some memory.
    private static final long RESIDENT_TOLERANCE = 32L << 20;

    @Test
    @Tag("slow")
    @EnabledOnOs(OS.LINUX) // it reads /proc
    void memoryEndsAsItBegan() throws IOException, InterruptedException {
        // The heap has one size and all of its pages from the start, so changes of the resident memory show
        // the rest.
        List<String> options = List.of(OtherJvm.VECTOR_MODULE, "-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch");
        List<String> lines = OtherJvm.lines(OtherJvm.start(Generating.class, options));
        long[] before = memory(lines, "before");
        long[] after = memory(lines, "after");
        System.out.printf(
                "%,d texts: heap %,d kB before, %,d kB after; resident %,d kB before, %,d kB after%n",
                TEXTS, before[0] >> 10, after[0] >> 10, before[1] >> 10, after[1] >> 10);
        assertThat(lines).contains("texts " + TEXTS).contains("blocks in use 0");
        assertThat(after[0]).as("heap").isLessThan(before[0] + HEAP_TOLERANCE);
        assertThat(after[1]).as("resident").isLessThan(before[1] + RESIDENT_TOLERANCE);
    }

    private static long[] memory(List<String> lines, String when) {
        return lines.stream()
                .filter(line -> line.startsWith(when))
                .findFirst()
                .map(line -> line.split(" "))
                .map(words -> new long[] {Long.parseLong(words[1]), Long.parseLong(words[2])})
                .orElseThrow();
    }

    /// The work of the other JVM.
    static final class Generating {
        private Generating() {}

        public static void main(String[] arguments) throws IOException, InterruptedException, ExecutionException {
            Path model = Golden.DIRECTORY.resolve("models/dense-tied-f32");
            KeyValueOptions keyValues = new KeyValueOptions(KeyValueFormat.F32, 1 << 20);
            EngineOptions options = new EngineOptions(KernelChoice.VECTOR, 2, 256, 64).withKeyValues(keyValues);
            try (Engine engine = Engine.open(model, options);
                    ExecutorService callers = Executors.newFixedThreadPool(CALLERS)) {
                generate(engine, callers); // until the compiler has what it needs, and the cache its blocks
                print("before");
                int texts = 0;
                for (int round = 0; round < ROUNDS; round++) {
                    texts += generate(engine, callers);
                }
                print("after");
                System.out.println("texts " + texts);
                System.out.println("blocks in use " + engine.blocksInUse());
            }
        }

        /// Generates texts for the callers.
        ///
        /// @return the number of texts that were generated and read by their callers
        private static int generate(Engine engine, ExecutorService callers)
                throws InterruptedException, ExecutionException {
            List<Future<Integer>> counts = new ArrayList<>();
            for (int caller = 0; caller < CALLERS; caller++) {
                Random random = new Random(caller);
                counts.add(callers.submit(() -> leaveMidway(engine, random) + readAll(engine, random)));
            }
            int count = 0;
            for (Future<Integer> each : counts) {
                count += each.get();
            }
            return count;
        }

        private static int readAll(Engine engine, Random random) {
            return Golden.all(engine.generate(
                            requests(random, TEXTS / ROUNDS / CALLERS).iterator()))
                    .size();
        }

        private static int leaveMidway(Engine engine, Random random) {
            try (GenerationRun run = engine.generate(requests(random, 20).iterator())) {
                run.next();
            }
            return 0;
        }

        private static List<Request.Generate> requests(Random random, int count) {
            List<Request.Generate> requests = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                int[] prompt = random.ints(1 + random.nextInt(40), 0, 100).toArray();
                requests.add(Golden.generate(i, prompt, Golden.greedy(1 + random.nextInt(4))));
            }
            return requests;
        }

        private static void print(String when) throws IOException, InterruptedException {
            for (int i = 0; i < 3; i++) {
                System.gc();
                Thread.sleep(100);
            }
            Runtime runtime = Runtime.getRuntime();
            System.out.printf(
                    "%s %d %d%n", when, runtime.totalMemory() - runtime.freeMemory(), ResidentMemory.NOW.bytes());
        }
    }
}
