package org.sparkqwen.job.cli.report;

import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.bench.Benchmark;
import org.sparkqwen.engine.bench.Measurement;

/// The figures of several benchmarks side by side, a line each. They were measured one after the other, so a machine
/// that others use may have been faster for one than for another; the shares of what it could do meanwhile tell.
public final class BenchComparison {
    private BenchComparison() {}

    /// @param reports benchmarks of the same model with the same settings, at least one
    public static List<String> lines(List<BenchReport> reports) {
        List<List<String>> rows = new ArrayList<>();
        List<String> header = new ArrayList<>(List.of("side by side"));
        for (Measurement measurement : reports.getFirst().measurements()) {
            header.add(BenchReport.title(measurement));
            header.add(measurement.part() == Benchmark.Part.DECODE ? "of reading" : "meanwhile");
        }
        rows.add(header);
        for (BenchReport report : reports) {
            List<String> row = new ArrayList<>(List.of(report.variant()));
            for (Measurement measurement : report.measurements()) {
                row.add("%,.1f".formatted(measurement.tokensPerSecond().median()));
                row.add(
                        measurement.part() == Benchmark.Part.DECODE
                                ? BenchReport.percent(measurement.shareOfReadBytes())
                                : BenchReport.cell("%.1f %%", measurement.shareOfPeakMeanwhile(), 100));
            }
            rows.add(row);
        }
        return TextTable.lines(rows);
    }
}
