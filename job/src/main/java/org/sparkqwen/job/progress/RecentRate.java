package org.sparkqwen.job.progress;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/// How much is done in a second now: the mean of the last minute. Where nothing came for longer, as when texts are long
/// and end together, of the time since something last came and that before it, so that what comes in bursts is no rate
/// of 0 between them.
final class RecentRate {
    private static final Duration WINDOW = Duration.ofMinutes(1);

    /// When what was done had changed, the latest last; the first is that which the rate counts from.
    private final Deque<Point> points = new ArrayDeque<>();

    private record Point(Duration at, long done) {}

    /// @param done before the beginning
    RecentRate(long done) {
        points.add(new Point(Duration.ZERO, done));
    }

    /// @param elapsed since the beginning
    /// @param done so far; may fall, when a task has failed
    void add(Duration elapsed, long done) {
        if (done != points.getLast().done()) {
            points.add(new Point(elapsed, done));
        }
        while (points.size() > 2 && second().at().plus(WINDOW).compareTo(elapsed) <= 0) {
            points.removeFirst();
        }
    }

    private Point second() {
        return points.stream().skip(1).findFirst().orElseThrow();
    }

    /// @param elapsed since the beginning
    double perSecond(Duration elapsed) {
        Point first = points.getFirst();
        double seconds = elapsed.minus(first.at()).toNanos() / 1e9;
        return seconds <= 0 ? 0 : Math.max(0, points.getLast().done() - first.done()) / seconds;
    }
}
