package org.sparkqwen.engine.kernels;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/// Runs the benchmarks of kernels, and says what share of the core's peak each reaches. The peak is measured after
/// every iteration: [PeakState]. Benchmarks of other things are run as they are.
///
/// usage: PeakRatios NAME, which runs the benchmarks whose names contain it
final class PeakRatios {
    private PeakRatios() {}

    /// @param parameter the name of the benchmark's parameter
    /// @param flops of one call
    private record Case(Class<?> benchmark, String parameter, String value, double flops) {}

    public static void main(String[] args) throws RunnerException {
        List<String> lines = new ArrayList<>();
        for (Case each : cases()) {
            if (each.benchmark().getSimpleName().contains(args[0])) {
                lines.add(run(each));
            }
        }
        if (lines.isEmpty()) { // one that no peak bounds; the runner says if there is none of the name
            new Runner(new OptionsBuilder().include(args[0]).build()).run();
            return;
        }
        System.out.printf("%n%-42s %12s %10s %10s %8s%n", "", "ms/call", "GFLOP/s", "peak", "of peak");
        lines.forEach(System.out::println);
    }

    private static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (LinearBenchmark.Shape shape : LinearBenchmark.Shape.values()) {
            cases.add(new Case(LinearBenchmark.class, "shape", shape.name(), shape.flops()));
        }
        for (int tokens : List.of(512, 4096, 32_768)) {
            cases.add(new Case(
                    AttentionBenchmark.class, "tokens", Integer.toString(tokens), AttentionBenchmark.flops(tokens)));
        }
        for (int tokens : List.of(1, 4, 8, 16, 32, 64)) {
            cases.add(new Case(
                    FewTokensBenchmark.class, "tokens", Integer.toString(tokens), FewTokensBenchmark.flops(tokens)));
        }
        for (int rows : List.of(2, 64, 512)) {
            cases.add(new Case(ExpertBenchmark.class, "rows", Integer.toString(rows), ExpertBenchmark.flops(rows)));
        }
        return cases;
    }

    private static String run(Case each) throws RunnerException {
        RunResult result = new Runner(new OptionsBuilder()
                        .include("\\b" + each.benchmark().getSimpleName() + "\\.")
                        .param(each.parameter(), each.value())
                        .build())
                .runSingle();
        double millis = result.getPrimaryResult().getScore();
        double rate = each.flops() / millis / 1e6;
        int iterations = result.getParams().getMeasurement().getCount();
        double nanos = Objects.requireNonNull(result.getSecondaryResults().get("peakNanos"))
                .getScore();
        double peak = iterations * PeakState.FLOPS / nanos;
        String name = each.benchmark().getSimpleName() + " " + each.value();
        return "%-42s %12.3f %10.1f %10.1f %7.1f%%".formatted(name, millis, rate, peak, 100 * rate / peak);
    }
}
