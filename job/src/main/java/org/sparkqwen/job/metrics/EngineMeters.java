package org.sparkqwen.job.metrics;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.Meter;
import com.codahale.metrics.MetricRegistry;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.measure.Stage;
import org.sparkqwen.engine.kernels.measure.Work;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.job.executor.RowCounts;

/// The activity of a JVM's engines as metrics. Meters count what was done and also have its rate, and gauges show what
/// is in work. Both are as of the last [#sample].
final class EngineMeters {
    /// The counted metrics of an engine.
    private static final Map<String, ToLongFunction<Load>> COUNTS = Map.of(
            "tokens.scored", Load::scoredTokens,
            "tokens.prompt", Load::promptTokens,
            "tokens.shared", Load::sharedTokens,
            "tokens.generated", Load::generatedTokens,
            "batches", Load::batches,
            "preemptions", Load::preemptions);

    /// The metrics of what engines have in work, added up over the open engines.
    private static final Map<String, ToIntFunction<Load>> IN_WORK = Map.of(
            "sequences.running", Load::running,
            "sequences.waiting", Load::waiting,
            "cache.blocks.used", Load::blocksUsed,
            "cache.blocks.kept", Load::blocksKept,
            "cache.blocks", Load::blocks);

    static final String ROWS = "rows";
    static final String ERRORS = "errors";

    /// The mean tokens of the latest batches, of which a batch may have [#BATCH_LIMIT].
    static final String BATCH_TOKENS = "batch.tokens";

    /// The most tokens of a batch. Engines are not summed up: the greatest of theirs counts.
    static final String BATCH_LIMIT = "batch.tokens.limit";

    static final String SEQUENCE_LIMIT = "sequences.limit";

    /// Share of the kernel threads' time that kernels computed in, 0 to 1.
    static final String KERNELS_BUSY = "kernels.busy";

    /// The bytes that engines hold of their GPUs' memory; 0 on the processor.
    static final String GPU_MEMORY = "gpu.memory";

    /// The bytes of memory that these GPUs have.
    static final String GPU_MEMORY_LIMIT = "gpu.memory.limit";

    /// Share of the time in which the GPUs computed, 0 to 1.
    static final String GPU_BUSY = "gpu.busy";

    private static final Set<String> COUNTED = with(COUNTS.keySet(), ROWS, ERRORS);
    private static final Set<String> SUMMED = with(IN_WORK.keySet(), SEQUENCE_LIMIT, GPU_MEMORY, GPU_MEMORY_LIMIT);
    private static final Set<String> AVERAGED = Set.of(BATCH_TOKENS, KERNELS_BUSY, GPU_BUSY);
    private static final Set<String> GAUGED = with(SUMMED, BATCH_TOKENS, BATCH_LIMIT, KERNELS_BUSY, GPU_BUSY);

    private final Map<String, Meter> meters;

    @GuardedBy("this")
    private final Map<String, Double> inWork = new HashMap<>();

    @GuardedBy("this")
    private final Map<String, Mean> means = new HashMap<>();

    @GuardedBy("this")
    private final IdentityHashMap<Engine, Reading> readings = new IdentityHashMap<>();

    @GuardedBy("this")
    private long rows = RowCounts.rows();

    @GuardedBy("this")
    private long errors = RowCounts.errors();

    @GuardedBy("this")
    private long lastSample = System.nanoTime();

    /// The last reading of an engine.
    ///
    /// @param gpu what the engine has used of its GPU; all 0 on the processor
    private record Reading(Load load, Work work, DeviceUse gpu) {
        private static final DeviceUse NO_GPU = new DeviceUse(0, 0, 0, 0);

        static final Reading NONE = new Reading(
                new Load(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), new Work(Map.of(), Map.of(), Map.of(), 0), NO_GPU);

        static Reading of(Engine engine) {
            return new Reading(engine.load(), engine.work(), engine.deviceUse().orElse(NO_GPU));
        }

        /// The time since an earlier reading in which the GPU computed, of the time that has passed.
        Mean gpuBusySince(Reading earlier, long elapsed) {
            return gpu.memoryBytes() == 0
                    ? Mean.OF_NOTHING
                    : new Mean(Math.min(gpu.busyNanos() - earlier.gpu.busyNanos(), elapsed), elapsed);
        }

        long kernelNanosSince(Reading earlier) {
            Work done = work.since(earlier.work);
            return Arrays.stream(Stage.values()).mapToLong(done::nanos).sum();
        }
    }

    private EngineMeters(Map<String, Meter> meters) {
        this.meters = meters;
    }

    /// Registers all metrics.
    static EngineMeters register(MetricRegistry registry) {
        Map<String, Meter> counted = new HashMap<>();
        for (String metric : COUNTED) {
            counted.put(metric, registry.meter(metric));
        }
        EngineMeters meters = new EngineMeters(Map.copyOf(counted));
        for (String metric : GAUGED) {
            registry.register(metric, (Gauge<Double>) () -> meters.inWork(metric));
        }
        return meters;
    }

    private static Set<String> with(Set<String> metrics, String... more) {
        Set<String> all = new TreeSet<>(metrics);
        all.addAll(Arrays.asList(more));
        return all;
    }

    /// Returns the names of the counted metrics.
    static Set<String> counted() {
        return COUNTED;
    }

    /// Returns the names of the metrics of what is in work.
    static Set<String> inWork() {
        return GAUGED;
    }

    /// Returns those names of [#inWork] that are means, see [#means].
    static Set<String> averaged() {
        return AVERAGED;
    }

    /// The name of a counted metric's rate among [#now].
    static String rate(String counted) {
        return counted + ".rate";
    }

    private synchronized double inWork(String metric) {
        return AVERAGED.contains(metric)
                ? means.getOrDefault(metric, Mean.OF_NOTHING).value()
                : inWork.getOrDefault(metric, 0d);
    }

    /// Reads the open engines, and counts what they did since the last time.
    synchronized void sample(List<Engine> engines) {
        long now = System.nanoTime();
        long elapsed = Math.max(1, now - lastSample);
        inWork.clear();
        Mean batchTokens = Mean.OF_NOTHING;
        Mean busy = Mean.OF_NOTHING;
        Mean gpuBusy = Mean.OF_NOTHING;
        for (Engine engine : engines) {
            Reading before = readings.getOrDefault(engine, Reading.NONE);
            Reading reading = Reading.of(engine);
            readings.put(engine, reading);
            COUNTS.forEach(
                    (metric, count) -> mark(metric, count.applyAsLong(reading.load) - count.applyAsLong(before.load)));
            IN_WORK.forEach(
                    (metric, value) -> inWork.merge(metric, (double) value.applyAsInt(reading.load), Double::sum));
            inWork.merge(BATCH_LIMIT, (double) engine.options().batchTokens(), Math::max);
            inWork.merge(SEQUENCE_LIMIT, (double) engine.options().maxSequences(), Double::sum);
            batchTokens = batchTokens.plus(new Mean(
                    reading.load.batchTokens() - before.load.batchTokens(),
                    reading.load.batches() - before.load.batches()));
            inWork.merge(GPU_MEMORY, (double) reading.gpu.allocatedBytes(), Double::sum);
            inWork.merge(GPU_MEMORY_LIMIT, (double) reading.gpu.memoryBytes(), Double::sum);
            gpuBusy = gpuBusy.plus(reading.gpuBusySince(before, elapsed));
            busy = busy.plus(busy(engine.options().threads(), reading.kernelNanosSince(before), elapsed));
        }
        readings.keySet().retainAll(engines);
        if (batchTokens.weight() > 0) {
            means.put(BATCH_TOKENS, batchTokens);
        }
        means.put(KERNELS_BUSY, busy);
        means.put(GPU_BUSY, gpuBusy);
        lastSample = now;
        countRows();
    }

    /// An operation counts when it ends, so one that began before the last sample brings more time than has passed.
    static Mean busy(int threads, long kernelNanos, long elapsed) {
        return new Mean((double) threads * Math.min(kernelNanos, elapsed), (double) threads * elapsed);
    }

    @GuardedBy("this")
    private void countRows() {
        long rowsNow = RowCounts.rows();
        long errorsNow = RowCounts.errors();
        mark(ROWS, rowsNow - rows);
        mark(ERRORS, errorsNow - errors);
        rows = rowsNow;
        errors = errorsNow;
    }

    private void mark(String metric, long count) {
        Objects.requireNonNull(meters.get(metric)).mark(count);
    }

    /// Returns all counts by metric.
    synchronized Map<String, Long> counts() {
        Map<String, Long> counts = new HashMap<>();
        meters.forEach((metric, meter) -> counts.put(metric, meter.getCount()));
        return counts;
    }

    /// All that is in work, by metric, but for [#means], and the rates of the last minute of what was counted.
    synchronized Map<String, Double> now() {
        Map<String, Double> now = new HashMap<>(inWork);
        meters.forEach((metric, meter) -> now.put(rate(metric), meter.getOneMinuteRate()));
        return now;
    }

    /// Means of what is in work, by metric.
    synchronized Map<String, Mean> means() {
        return new HashMap<>(means);
    }
}
