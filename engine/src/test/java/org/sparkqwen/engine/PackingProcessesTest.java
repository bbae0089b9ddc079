package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.checkpoint.PackingProgress;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.OtherJvm;
import org.sparkqwen.engine.testing.Unwatched;

/// Several processes of a host share one cache: they race for it, they are killed, and they find the disk
/// full.
class PackingProcessesTest {
    private static final int[] TOKENS = {1, 2, 3, 500, 600, 700};

    @TempDir
    private Path directory = Path.of("");

    @Test
    @Tag("slow")
    void processesThatRaceMakeOneFileAndGiveTheSameBits() throws IOException, InterruptedException {
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            processes.add(java("exec \"$@\"", "score", cache().toString()));
        }
        for (Process process : processes) {
            List<String> lines = OtherJvm.lines(process);
            assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(null));
            assertThat(lines).noneMatch(line -> line.contains("WARN org.sparkqwen"));
        }
        assertThat(contentOf(cache())).hasSize(4).anyMatch(name -> name.endsWith(".packed"));
    }

    /// A process that waits for the packing of another one continues when that one is killed. Nothing is left
    /// of it.
    @Test
    void aProcessThatIsKilledWhileItPacksLeavesNothingInTheWay() throws Exception {
        Process packing = java("exec \"$@\"", "stall", cache().toString());
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(packing.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(lines.lines().anyMatch("stalled"::equals)).isTrue();
            assertThat(contentOf(cache())).anyMatch(name -> name.endsWith(".tmp"));

            CompletableFuture<Double> waiting = CompletableFuture.supplyAsync(() -> sumNll(cache()));
            Thread.sleep(300);
            assertThat(waiting).isNotDone();
            packing.destroyForcibly(); // kill -9
            assertThat(waiting.get(60, TimeUnit.SECONDS)).isEqualTo(sumNll(null));
        } finally {
            packing.destroyForcibly();
        }
        packing.waitFor();
        assertThat(contentOf(cache())).hasSize(4).noneMatch(name -> name.endsWith(".tmp"));
    }

    /// A limit on the size of files stops the writing half-way, as a full disk does.
    @Test
    void aDiskThatFillsUpIsReportedAndChangesNoResult() throws IOException, InterruptedException {
        Process process = java("ulimit -f 4096; exec \"$@\"", "score", cache().toString());
        List<String> lines = OtherJvm.lines(process);
        assertThat(lines.getLast()).isEqualTo("sum_nll " + sumNll(null));
        assertThat(lines)
                .filteredOn(line -> line.contains("WARN org.sparkqwen"))
                .singleElement()
                .asString()
                .contains("cannot be written: File too large", "packing the weights into memory");
        assertThat(contentOf(cache())).noneMatch(name -> name.endsWith(".tmp") || name.endsWith(".packed"));
    }

    @Test
    void aDiskThatFillsUpLeavesNoPackedDirectory() throws IOException, InterruptedException {
        Path output = directory.resolve("output");
        Process process = java("ulimit -f 4096; exec \"$@\"", "pack", cache().toString(), output.toString());
        List<String> lines = OtherJvm.lines(process);
        assertThat(lines.getLast())
                .isEqualTo("refused %s: cannot be written: File too large", output.resolve("weights.packed.tmp"));
        assertThat(output).doesNotExist();
    }

    private Path cache() {
        return directory.resolve("cache");
    }

    private static List<String> contentOf(Path cache) throws IOException {
        try (Stream<Path> content = Files.list(cache)) {
            return content.map(path -> path.getFileName().toString()).toList();
        }
    }

    /// Starts [Other] in a JVM of its own.
    ///
    /// @param shell a shell that runs the command it is given
    private static Process java(String shell, String... arguments) throws IOException {
        return OtherJvm.startIn(shell, Other.class, List.of(OtherJvm.VECTOR_MODULE, "-Xmx256m"), arguments);
    }

    private static double sumNll(@Nullable Path cache) {
        EngineOptions options = new EngineOptions(KernelChoice.AUTO, 1, 64, 8).withCache(cache);
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, options)) {
            return Golden.scored(engine, TOKENS, Golden.unprefixed(128, 64))
                    .score()
                    .sumNll();
        }
    }

    /// The work of the other JVMs.
    static final class Other {
        private Other() {}

        public static void main(String[] args) throws PackingException {
            Path cache = Path.of(args[1]);
            switch (args[0]) {
                case "score" -> System.out.println("sum_nll " + sumNll(cache));
                case "stall" -> Packing.intoCache(Golden.SMALL_MODEL, WeightEncoding.STORED, cache, new Stalling());
                case "pack" -> {
                    try {
                        Packing.intoDirectory(
                                Golden.SMALL_MODEL, WeightEncoding.STORED, Path.of(args[2]), cache, new Unwatched());
                    } catch (PackingException e) {
                        System.out.println("refused " + e.getMessage());
                    }
                }
                default -> throw new IllegalArgumentException(args[0]);
            }
        }
    }

    /// A progress listener that blocks, so packing does not end.
    private static final class Stalling implements PackingProgress {
        @Override
        public void start(long bytes) {}

        @Override
        public synchronized void advance(long bytes) {
            System.out.println("stalled");
            while (true) {
                LockSupport.park();
            }
        }
    }
}
