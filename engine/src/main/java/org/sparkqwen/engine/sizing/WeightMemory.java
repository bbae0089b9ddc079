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

/// Computes how much memory mapped weights may take: the memory of the machine or the container, without what this
/// process needs now and later for other things, and without what other processes hold.
///
/// Pages of files count as free, because the system gives them up; the pages of the weights themselves are among them.
public final class WeightMemory {
    /// The memory that a JVM takes beside its heap, and that of files which a run reads and writes on the way.
    public static final long OTHER_BYTES = 512L << 20;

    private static final Path MEMINFO = Path.of("/proc/meminfo");
    private static final Pattern AVAILABLE = Pattern.compile("(?m)^MemAvailable: +(\\d+) kB$");

    private WeightMemory() {}

    /// The bytes for the weights of an engine in this process.
    ///
    /// The KV cache of texts is not counted. An engine that scores has none, and another takes memory for it only
    /// as it needs it; the system then takes that memory from the weights.
    ///
    /// @param batchTokens tokens that are computed together
    /// @param threads number of threads that compute
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
    /// @param unused bytes on the whole machine that no process holds, except as pages of files
    /// @param heapNow present size of this process's heap in bytes
    /// @param heapLater greatest size of this process's heap in bytes
    /// @param working bytes that a batch takes off the heap
    public static long bytes(long whole, long unused, long heapNow, long heapLater, long working) {
        long left = Math.min(whole - heapNow, unused) - (heapLater - heapNow);
        return Math.max(0, left - working - OTHER_BYTES);
    }

    /// The bytes available to all processes, which only Linux reports: no other system reports a number that counts
    /// pages of files as free.
    private static OptionalLong availableToAll() {
        try {
            Matcher line = AVAILABLE.matcher(Files.readString(MEMINFO));
            return line.find() ? OptionalLong.of(Long.parseLong(line.group(1)) << 10) : OptionalLong.empty();
        } catch (IOException _) {
            return OptionalLong.empty();
        }
    }
}
