package org.sparkqwen.job.progress;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/// The rate of the last minute. If nothing was done in that minute, as when long texts end together, it is the mean
/// since the latest change but one, so that the rate between bursts is not 0.
final class RecentRate {
    private static final Duration WINDOW = Duration.ofMinutes(1);

    /// The times at which the count changed, in order. The rate counts from the first of them.
    private final Deque<Point> points = new ArrayDeque<>();

    private record Point(Duration at, long done) {}

    /// @param done the count at the beginning
    RecentRate(long done) {
        points.add(new Point(Duration.ZERO, done));
    }

    /// @param elapsed the time since the beginning
    /// @param done the count so far; it may fall, when a task has failed
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

    /// @param elapsed the time since the beginning
    double perSecond(Duration elapsed) {
        Point first = points.getFirst();
        double seconds = elapsed.minus(first.at()).toNanos() / 1e9;
        return seconds <= 0 ? 0 : Math.max(0, points.getLast().done() - first.done()) / seconds;
    }
}
