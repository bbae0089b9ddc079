package org.sparkqwen.job.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.Engine;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.job.executor.RowCounts;
import org.sparkqwen.job.storage.CacheDirectory;
import org.sparkqwen.job.testing.GpuStandIn;
import org.sparkqwen.job.testing.LittleModel;
import org.sparkqwen.job.testing.LocalSpark;

/// The figures of real engines, and what the driver makes of them.
class EngineMetersTest {
    private final MetricRegistry registry = new MetricRegistry();
    private final EngineMeters meters = EngineMeters.register(registry);

    @Test
    void countsWhatIsScoredFromOneSampleToTheNext() {
        try (Engine engine = open()) {
            meters.sample(List.of(engine));
            assertThat(counted("tokens.scored")).isZero();
            score(engine, 50);
            meters.sample(List.of(engine));
            assertThat(counted("tokens.scored")).isEqualTo(50);
            assertThat(counted("batches")).isEqualTo(1);
            assertThat(gauge("batch.tokens")).isEqualTo(50);
            assertThat(gauge("batch.tokens.limit")).isEqualTo(64);
            assertThat(gauge("kernels.busy")).isGreaterThan(0).isLessThanOrEqualTo(1);
            meters.sample(List.of(engine));
            assertThat(counted("tokens.scored")).isEqualTo(50);
            assertThat(gauge("batch.tokens")).as("of the last batch").isEqualTo(50);
            assertThat(gauge("kernels.busy")).isZero();
        }
    }

    @Test
    void anEngineThatIsClosedLeavesItsCountsAndNothingInWork() {
        try (Engine first = open()) {
            score(first, 30);
            meters.sample(List.of(first));
        }
        try (Engine second = open()) {
            score(second, 20);
            meters.sample(List.of(second));
            assertThat(counted("tokens.scored")).isEqualTo(50);
            assertThat(gauge("cache.blocks")).isEqualTo(second.load().blocks());
            meters.sample(List.of());
            assertThat(counted("tokens.scored")).isEqualTo(50);
            assertThat(gauge("cache.blocks")).isZero();
            assertThat(gauge("batch.tokens.limit")).isZero();
        }
    }

    @Test
    void showsTheTextsAndTheBlocksThatAreInWork() {
        Iterator<Request.Generate> endless =
                Stream.iterate(0, i -> i + 1).map(EngineMetersTest::request).iterator();
        try (Engine engine = open();
                GenerationRun run = engine.generate(endless)) {
            boolean full = false;
            for (int i = 0; i < 1000 && !full; i++) {
                run.next();
                meters.sample(List.of(engine));
                full = gauge("sequences.running") == 2 && gauge("sequences.waiting") > 0;
            }
            assertThat(full).as("once two texts ran and others waited").isTrue();
            assertThat(gauge("sequences.limit")).isEqualTo(2);
            assertThat(gauge("cache.blocks.used")).isPositive().isLessThan(gauge("cache.blocks"));
            assertThat(counted("tokens.prompt") + counted("tokens.shared")).isPositive();
            assertThat(counted("tokens.generated")).isPositive();
        }
    }

    @Test
    void showsTheMemoryAndTheWorkOfAGpu() {
        System.setProperty(GpuStandIn.COUNT, "1");
        EngineOptions options = new EngineOptions(KernelChoice.AUTO.on(Device.CUDA), 1, 64, 2);
        try (Engine engine = Engine.open(LittleModel.directory(), options)) {
            meters.sample(List.of(engine));
            assertThat(gauge("gpu.memory")).isEqualTo(GpuStandIn.MEMORY / 2);
            assertThat(gauge("gpu.memory.limit")).isEqualTo(GpuStandIn.MEMORY);
            assertThat(gauge("gpu.busy")).isPositive().isLessThanOrEqualTo(1);
        } finally {
            System.clearProperty(GpuStandIn.COUNT);
        }
        meters.sample(List.of());
        assertThat(gauge("gpu.memory")).isZero();
        assertThat(gauge("gpu.busy")).isZero();
    }

    @Test
    void countsRowsAndErrorsOfTheJvmsTasks() {
        RowCounts.count(true, false);
        RowCounts.count(false, false);
        RowCounts.count(true, true);
        meters.sample(List.of());
        assertThat(counted("rows")).isEqualTo(2);
        assertThat(counted("errors")).isEqualTo(1);
    }

    @Test
    void theDriverPutsTogetherWhatExecutorsTell() {
        DriverMetrics driver = new DriverMetrics();
        MetricRegistry sums = new MetricRegistry();
        driver.registerMetrics(sums);
        assertThat(value(sums, "cluster.executors")).isZero();
        try (Engine engine = open()) {
            score(engine, 40);
            meters.sample(List.of(engine));
            for (String executor : List.of("0", "1", "1")) {
                assertThat(driver.receive(reading(executor, meters))).isNull();
            }
        }
        assertThat(value(sums, "cluster.executors")).isEqualTo(2);
        assertThat(value(sums, "cluster.tokens.scored")).isEqualTo(80);
        assertThat(value(sums, "cluster.sequences.limit")).isEqualTo(4);
        assertThat(value(sums, "cluster.batch.tokens.limit")).as("of a batch").isEqualTo(64);
        assertThat(sums.getNames()).contains("cluster.tokens.scored.rate", "cluster.errors", "cluster.cache.blocks");
    }

    @Test
    void theDriversMeansAreOverAllBatchesAndThreads() {
        DriverMetrics driver = new DriverMetrics();
        MetricRegistry cluster = new MetricRegistry();
        driver.registerMetrics(cluster);
        assertThat(value(cluster, "cluster.batch.tokens")).isZero();
        assertThat(value(cluster, "cluster.kernels.busy")).isZero();
        MetricRegistry others = new MetricRegistry();
        EngineMeters otherMeters = EngineMeters.register(others);
        try (Engine engine = open();
                Engine other = open()) {
            score(engine, 60);
            score(other, 40);
            score(other, 30);
            score(other, 20);
            meters.sample(List.of(engine));
            otherMeters.sample(List.of(other));
            driver.receive(reading("0", meters));
            driver.receive(reading("1", otherMeters));
        }
        assertThat(value(others, "batch.tokens")).isEqualTo(30);
        assertThat(value(cluster, "cluster.batch.tokens"))
                .as("(60 + 40 + 30 + 20) / 4")
                .isEqualTo(37.5);
        double busy = gauge("kernels.busy");
        double otherBusy = value(others, "kernels.busy");
        assertThat(value(cluster, "cluster.kernels.busy"))
                .isPositive()
                .isBetween(Math.min(busy, otherBusy), Math.max(busy, otherBusy));
    }

    @Test
    void timeIsSharedByThreadsAndNeverMoreThanHasPassed() {
        Mean allOfThree = EngineMeters.busy(3, 2_500, 1_000);
        Mean noneOfOne = EngineMeters.busy(1, 0, 1_000);
        assertThat(allOfThree.value()).isEqualTo(1);
        assertThat(allOfThree.plus(noneOfOne).value()).isEqualTo(0.75);
        assertThat(Mean.OF_NOTHING.value()).isZero();
    }

    @Test
    void aSessionKeepsThePluginsItWasGiven() {
        String own = MetricsPlugin.class.getName();
        assertThat(MetricsPlugin.among("")).isEqualTo(own);
        assertThat(MetricsPlugin.among("a.B")).isEqualTo("a.B," + own);
        assertThat(MetricsPlugin.among("a.B, " + own)).isEqualTo("a.B, " + own);
    }

    private static ExecutorReading reading(String executor, EngineMeters meters) {
        return new ExecutorReading(executor, meters.counts(), meters.now(), meters.means());
    }

    private static Engine open() {
        return Engine.open(
                LocalSpark.MODEL, new EngineOptions(KernelChoice.AUTO, 1, 64, 2).withCache(CacheDirectory.of(null)));
    }

    private static void score(Engine engine, int tokens) {
        int[] ids = IntStream.range(0, tokens).toArray();
        ScoringOptions options = new ScoringOptions(new Windows.Strided(64, 32), ScoringOptions.Prefix.EOS, 20);
        engine.score(List.of(new Request.Score(0, new Content.Tokens(ids), options))
                        .iterator())
                .next();
    }

    private static Request.Generate request(int id) {
        GenerationParams params =
                new GenerationParams(SamplingParams.GREEDY, Ending.after(40).withIgnoreEos(true));
        return new Request.Generate(id, new Content.Tokens(new int[] {5, 6, 7, id % 1000}), 0, params);
    }

    private long counted(String metric) {
        return registry.meter(metric).getCount();
    }

    private double gauge(String metric) {
        return value(registry, metric);
    }

    private static double value(MetricRegistry registry, String metric) {
        Gauge<?> gauge = Objects.requireNonNull(registry.getGauges().get(metric));
        return ((Number) gauge.getValue()).doubleValue();
    }
}
