package org.sparkqwen.job.progress;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// A record of how much was done when, which shows whether a run's end drags on: whether few tasks still work while
/// other cores wait.
///
/// In a long run it keeps every second point, and later every second of those again, so that a run of days never needs
/// more than some hundred kilobytes.
public final class Pace {
    private static final int MOST_POINTS = 1 << 14;

    @GuardedBy("this")
    private final List<Point> points = new ArrayList<>();

    /// @param elapsed the time since the run began
    /// @param done how much was done so far, in any unit
    private record Point(Duration elapsed, long done) {}

    synchronized void add(Duration elapsed, long done) {
        if (points.size() == MOST_POINTS) {
            List<Point> everySecond = new ArrayList<>();
            for (int i = 0; i < MOST_POINTS; i += 2) {
                everySecond.add(points.get(i));
            }
            points.clear();
            points.addAll(everySecond);
        }
        points.add(new Point(elapsed, done));
    }

    /// Returns the share of the time, 0 to 1, that the last part of the work took; 0 where nothing was done.
    ///
    /// @param part the last part of the work, as a share from 0 to 1
    public synchronized double timeOfLast(double part) {
        if (points.isEmpty()) {
            return 0;
        }
        long first = points.getFirst().done();
        long all = points.getLast().done() - first;
        long end = points.getLast().elapsed().toNanos();
        if (all <= 0 || end == 0) { // negative if a task had counted before it failed
            return 0;
        }
        for (Point point : points) {
            if (point.done() - first >= (1 - part) * all) {
                return (double) (end - point.elapsed().toNanos()) / end;
            }
        }
        throw new IllegalStateException("the last point has all");
    }
}
