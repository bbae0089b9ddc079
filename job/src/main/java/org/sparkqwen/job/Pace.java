package org.sparkqwen.job;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// How much was done when, to tell whether a run's end drags on: whether few tasks still work while other cores wait.
final class Pace {
    private final List<Point> points = new ArrayList<>();

    /// @param elapsed since the run began
    /// @param done so far, in any unit
    private record Point(Duration elapsed, long done) {}

    synchronized void add(Duration elapsed, long done) {
        points.add(new Point(elapsed, done));
    }

    /// The part of the time, 0 to 1, that the last part of what was done took; 0 where nothing was done.
    ///
    /// @param part 0 to 1
    synchronized double timeOfLast(double part) {
        if (points.isEmpty()) {
            return 0;
        }
        long first = points.getFirst().done();
        long all = points.getLast().done() - first;
        long end = points.getLast().elapsed().toNanos();
        if (all == 0 || end == 0) {
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
