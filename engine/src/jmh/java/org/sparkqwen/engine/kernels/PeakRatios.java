package org.sparkqwen.engine.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.sparkqwen.engine.kernels.code.CodeProvider;
import org.sparkqwen.engine.kernels.format.KnownFormat;
import org.sparkqwen.engine.kernels.vector.VectorProvider;

/// Runs the benchmarks of kernels on each fast back-end that this machine can run, and says what share of the core's
/// peak each reaches. The peak is measured after every iteration: [PeakState]. Benchmarks of other things are run as
/// they are.
///
/// usage: PeakRatios NAME, which runs the benchmarks whose names contain it
final class PeakRatios {
    private static final String PRECISION = "precision";

    private PeakRatios() {}

    /// @param parameters the values of the benchmark's parameters by their names, all but the back-end
    /// @param flops of one call
    private record Case(Class<?> benchmark, Map<String, String> parameters, double flops) {}

    public static void main(String[] args) throws RunnerException {
        List<String> lines = new ArrayList<>();
        for (Case each : cases()) {
            if (each.benchmark().getSimpleName().contains(args[0])) {
                for (KernelProvider provider : List.of(new CodeProvider(), new VectorProvider())) {
                    if (provider.isFast(precision(each))) {
                        lines.add(run(each, provider.name()));
                    }
                }
            }
        }
        if (lines.isEmpty()) { // one that no peak bounds; the runner says if there is none of the name
            new Runner(new OptionsBuilder().include(args[0]).build()).run();
            return;
        }
        System.out.printf("%n%-54s %12s %10s %10s %8s%n", "", "ms/call", "GFLOP/s", "peak", "of peak");
        lines.forEach(System.out::println);
    }

    private static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (LinearBenchmark.Shape shape : LinearBenchmark.Shape.values()) {
            cases.add(new Case(LinearBenchmark.class, Map.of("shape", shape.name()), shape.flops()));
        }
        for (int tokens : List.of(512, 4096, 32_768)) {
            Map<String, String> parameters = Map.of("tokens", Integer.toString(tokens));
            cases.add(new Case(AttentionBenchmark.class, parameters, AttentionBenchmark.flops(tokens)));
        }
        for (int tokens : List.of(1, 4, 8, 16, 32, 64)) {
            for (KnownFormat format : List.of(KnownFormat.BF16, KnownFormat.INT8, KnownFormat.INT4)) {
                for (Precision precision : List.of(Precision.FLOAT32, Precision.INT8)) {
                    if (precision == Precision.FLOAT32 || precision.arithmetic(format) == Arithmetic.INTEGERS) {
                        Map<String, String> parameters = new TreeMap<>();
                        parameters.put("tokens", Integer.toString(tokens));
                        parameters.put("format", format.name());
                        parameters.put(PRECISION, precision.name());
                        cases.add(new Case(FewTokensBenchmark.class, parameters, FewTokensBenchmark.flops(tokens)));
                    }
                }
            }
        }
        for (int rows : List.of(2, 64, 512)) {
            Map<String, String> parameters = Map.of("rows", Integer.toString(rows));
            cases.add(new Case(ExpertBenchmark.class, parameters, ExpertBenchmark.flops(rows)));
        }
        return cases;
    }

    private static Precision precision(Case each) {
        return Precision.valueOf(each.parameters().getOrDefault(PRECISION, Precision.FLOAT32.name()));
    }

    private static String run(Case each, String backEnd) throws RunnerException {
        ChainedOptionsBuilder options = new OptionsBuilder()
                .include("\\b" + each.benchmark().getSimpleName() + "\\.")
                .param("backEnd", backEnd);
        each.parameters().forEach(options::param);
        RunResult result = new Runner(options.build()).runSingle();
        double millis = result.getPrimaryResult().getScore();
        double rate = each.flops() / millis / 1e6;
        int iterations = result.getParams().getMeasurement().getCount();
        double nanos = Objects.requireNonNull(result.getSecondaryResults().get("peakNanos"))
                .getScore();
        double peak = iterations * PeakState.FLOPS / nanos;
        String name = "%s %s %s"
                .formatted(
                        each.benchmark().getSimpleName(),
                        backEnd,
                        String.join(" ", each.parameters().values()));
        return "%-54s %12.3f %10.1f %10.1f %7.1f%%".formatted(name, millis, rate, peak, 100 * rate / peak);
    }
}
