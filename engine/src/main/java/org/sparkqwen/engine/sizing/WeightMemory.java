package org.sparkqwen.engine.sizing;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.sparkqwen.engine.model.ModelConfig;

/// How much memory mapped weights may take: what the machine or the container has, without what this process has and
/// will have for other things, and without what other processes hold.
///
/// Pages of files count as free, for the system gives them up: those of the weights themselves are among them.
public final class WeightMemory {
    /// What a JVM takes beside its heap, and the files that a run reads and writes on the way.
    private static final long OTHER_BYTES = 512L << 20;

    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Pattern AVAILABLE = Pattern.compile("(?m)^MemAvailable: +(\\d+) kB$");

    private WeightMemory() {}

    /// Bytes for the weights of an engine in this process.
    ///
    /// Keys and values of texts are not counted: an engine that scores has none, and another takes memory for them
    /// only as it needs it, which the system then takes from the weights.
    ///
    /// @param batchTokens that are computed together
    /// @param threads that compute
    public static long available(ModelConfig config, int batchTokens, int threads) {
        long working =
                WorkingMemory.scoring(config, batchTokens, batchTokens, threads).offHeap();
        Runtime heap = Runtime.getRuntime();
        long whole =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
        long unused = availableToAll().orElse(whole);
        return bytes(whole, unused, heap.totalMemory(), heap.maxMemory(), working);
    }

    /// @param whole bytes that the machine has, or the limit of the container
    /// @param unused bytes that no process holds but as pages of files, on the whole machine
    /// @param heapNow bytes that this process's heap has
    /// @param heapLater bytes that it may have
    /// @param working bytes that a batch takes off the heap
    public static long bytes(long whole, long unused, long heapNow, long heapLater, long working) {
        long left = Math.min(whole - heapNow, unused) - (heapLater - heapNow);
        return Math.max(0, left - working - OTHER_BYTES);
    }

    /// Linux says it; elsewhere nothing does that counts pages of files as free.
    private static OptionalLong availableToAll() {
        try {
            Matcher line = AVAILABLE.matcher(Files.readString(MEMINFO));
            return line.find() ? OptionalLong.of(Long.parseLong(line.group(1)) << 10) : OptionalLong.empty();
        } catch (IOException _) {
            return OptionalLong.empty();
        }
    }
}
