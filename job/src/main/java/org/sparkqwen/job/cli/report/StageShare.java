package org.sparkqwen.job.cli.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import org.sparkqwen.engine.bench.Measurement;
import org.sparkqwen.engine.kernels.measure.Bursts;
import org.sparkqwen.engine.kernels.measure.Stage;

/// The time and the rate of a stage of the forward pass in a measurement's median round.
///
/// @param name `linear`, `attention`, `head`, `rest`, or `outside the kernels`
/// @param shareOfTime the stage's share of the round's time; the shares of all stages add up to 1
/// @param flopsPerSecond the rate while the stage ran; 0 where nothing is counted
/// @param shareOfPeak the rate divided by that of the best burst of multiply-adds around the rounds; 0 where nothing is
///     counted
/// @param shareOfPeakMeanwhile the rate divided by that of the multiply-adds in bursts amid the stage; absent if there
///     were no bursts, or nothing is counted
record StageShare(
        String name,
        double millisPerToken,
        double shareOfTime,
        double flopsPerSecond,
        double shareOfPeak,
        OptionalDouble shareOfPeakMeanwhile) {
    static List<StageShare> of(Measurement measurement) {
        Measurement.Round round = measurement.median();
        double peak = measurement.flops().best();
        List<StageShare> shares = new ArrayList<>();
        for (Stage stage : Stage.values()) {
            long nanos = round.work().nanos(stage);
            shares.add(of(
                    stage.name().toLowerCase(Locale.ROOT),
                    round,
                    nanos,
                    round.work().flops(stage),
                    peak,
                    round.work().bursts(stage)));
        }
        shares.add(of("outside the kernels", round, round.nanosOutsideKernels(), 0, peak, Bursts.NONE));
        return shares;
    }

    private static StageShare of(
            String name, Measurement.Round round, long nanos, double flops, double peak, Bursts bursts) {
        double rate = nanos == 0 ? 0 : flops * 1e9 / nanos;
        return new StageShare(
                name,
                nanos / 1e6 / round.tokens(),
                (double) nanos / round.nanos(),
                rate,
                rate / peak,
                rate == 0 ? OptionalDouble.empty() : bursts.share(rate));
    }
}
