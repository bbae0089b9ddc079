package org.sparkqwen.job.plan;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.PriorityQueue;
import java.util.SplittableRandom;

/// Simulates the tasks of an interval. The driver starts tasks in their order, some thousand a second. Executors get
/// one task each before any gets a second one, and whoever has finished a task gets the next. The tasks of an executor
/// share its speed, because one batch has the rows of all of them. An executor that is lost comes back later, and its
/// tasks begin anew, wherever there is room.
final class IntervalSimulation {
    /// The losses of each executor after which an interval counts as one that never ends.
    private static final int MOST_LOSSES = 1000;

    private final Executors executors;
    private final double startSeconds;
    private final SplittableRandom random;
    private final Deque<Double> waiting = new ArrayDeque<>(); // the tokens of tasks
    private final Executor[] all;
    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private double nextStart;
    private double firstIdle = Double.POSITIVE_INFINITY;
    private int left;
    private int started;
    private int lost;

    /// The executors of a cluster.
    ///
    /// @param rates the tokens a second of each
    /// @param ready when each has the model, in seconds; tasks wait there until then
    /// @param slots the most tasks that each has at a time
    /// @param lossesPerSecond how often each is lost in a second, on average
    /// @param awaySeconds how long a lost one is away
    record Executors(double[] rates, double[] ready, int slots, double lossesPerSecond, double awaySeconds) {}

    /// What happened in an interval.
    ///
    /// @param seconds how long it took
    /// @param unused the share of what all executors could have computed meanwhile that they did not, or for
    ///     nothing
    /// @param tail the time at the end in which some executor had no task and none was waiting, in seconds
    /// @param started how many tasks were started
    /// @param lost how many executors were lost
    record Course(double seconds, double unused, double tail, int started, int lost) {}

    private enum Kind {
        START,
        DONE,
        LOST,
        BACK
    }

    /// @param version what the executor's version was when the event was foreseen; the event counts only with that
    ///     one
    /// @param tokens those of the task that starts
    private record Event(double time, Kind kind, int executor, int version, double tokens)
            implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            int byTime = Double.compare(time, other.time);
            return byTime != 0 ? byTime : Integer.compare(executor, other.executor);
        }
    }

    /// A task that runs.
    ///
    /// @param end the progress of its executor at which it is done
    private record Task(double tokens, double end) implements Comparable<Task> {
        @Override
        public int compareTo(Task other) {
            return Double.compare(end, other.end);
        }
    }

    /// An executor and its tasks.
    private static final class Executor {
        private final PriorityQueue<Task> tasks = new PriorityQueue<>();
        private int starting; // tasks that the driver has chosen to start here
        private double progress; // the tokens that each of its tasks has got so far
        private double since; // when progress was counted last
        private boolean away;
        private int losses;
        private int version; // of the tasks
    }

    private IntervalSimulation(Executors executors, double startSeconds, SplittableRandom random) {
        this.executors = executors;
        this.startSeconds = startSeconds;
        this.random = random;
        all = new Executor[executors.rates.length];
        for (int i = 0; i < all.length; i++) {
            all[i] = new Executor();
            all[i].since = executors.ready[i];
            foreseeLoss(i, 0);
        }
    }

    /// Simulates an interval.
    ///
    /// @param tokens those of each task, in the order in which tasks start
    /// @param startsPerSecond the tasks that the driver starts in a second
    /// @throws IllegalArgumentException if executors are lost so often that tasks never end
    static Course of(double[] tokens, Executors executors, double startsPerSecond, SplittableRandom random) {
        IntervalSimulation simulation = new IntervalSimulation(executors, 1 / startsPerSecond, random);
        for (double each : tokens) {
            simulation.waiting.add(each);
        }
        simulation.left = tokens.length;
        double seconds = simulation.run();
        double possible = seconds * Arrays.stream(executors.rates).sum();
        double unused = possible == 0 ? 0 : 1 - Arrays.stream(tokens).sum() / possible;
        double tail = Math.max(0, seconds - simulation.firstIdle);
        return new Course(seconds, unused, tail, simulation.started, simulation.lost);
    }

    private double run() {
        double now = 0;
        startEverywhere(now);
        while (left > 0) {
            Event event = events.remove();
            now = event.time;
            switch (event.kind) {
                case START -> begin(event);
                case DONE -> {
                    if (event.version == all[event.executor].version) {
                        end(event.executor, now);
                    }
                }
                case LOST -> lose(event.executor, now);
                case BACK -> {
                    all[event.executor].away = false;
                    foreseeLoss(event.executor, now);
                    startEverywhere(now);
                }
            }
        }
        return now;
    }

    private void foreseeLoss(int index, double now) {
        if (executors.lossesPerSecond > 0) {
            double until = -Math.log(1 - random.nextDouble()) / executors.lossesPerSecond;
            events.add(new Event(now + until, Kind.LOST, index, 0, 0));
        }
    }

    /// Gives waiting tasks to executors with free slots, to those with the fewest tasks first.
    private void startEverywhere(double now) {
        for (int tasks = 0; tasks < executors.slots && !waiting.isEmpty(); tasks++) {
            for (int i = 0; i < all.length && !waiting.isEmpty(); i++) {
                if (!all[i].away && all[i].tasks.size() + all[i].starting == tasks) {
                    startNext(i, now);
                }
            }
        }
    }

    /// Lets the driver start the next waiting task.
    private void startNext(int index, double now) {
        Double tokens = waiting.poll();
        if (tokens != null) {
            nextStart = Math.max(now, nextStart) + startSeconds;
            all[index].starting++;
            started++;
            events.add(new Event(nextStart, Kind.START, index, all[index].losses, tokens));
        }
    }

    private void begin(Event event) {
        Executor executor = all[event.executor];
        if (event.version != executor.losses) { // the executor was lost meanwhile
            waiting.addFirst(event.tokens);
            startEverywhere(event.time);
            return;
        }
        advance(event.executor, event.time);
        executor.starting--;
        executor.tasks.add(new Task(event.tokens, executor.progress + event.tokens));
        foreseeEnd(event.executor, event.time);
    }

    private void end(int index, double now) {
        advance(index, now);
        all[index].tasks.remove();
        left--;
        startNext(index, now);
        foreseeEnd(index, now);
        if (all[index].tasks.isEmpty() && all[index].starting == 0) {
            firstIdle = Math.min(firstIdle, now);
        }
    }

    private void lose(int index, double now) {
        Executor executor = all[index];
        executor.tasks.forEach(task -> waiting.addFirst(task.tokens));
        executor.tasks.clear();
        executor.starting = 0;
        firstIdle = waiting.isEmpty() ? firstIdle : Double.POSITIVE_INFINITY;
        executor.away = true;
        executor.losses++;
        executor.version++;
        lost++;
        if (lost > (long) MOST_LOSSES * all.length) {
            throw new IllegalArgumentException("executors are lost so often that their tasks never end");
        }
        events.add(new Event(now + executors.awaySeconds, Kind.BACK, index, 0, 0));
        startEverywhere(now);
    }

    /// Counts what an executor's tasks have got until now.
    private void advance(int index, double now) {
        Executor executor = all[index];
        double from = Math.max(executor.since, executors.ready[index]);
        if (!executor.tasks.isEmpty() && now > from) {
            executor.progress += (now - from) * executors.rates[index] / executor.tasks.size();
        }
        executor.since = Math.max(now, executor.since);
    }

    /// Foresees when the next of an executor's tasks ends.
    private void foreseeEnd(int index, double now) {
        Executor executor = all[index];
        executor.version++;
        Task next = executor.tasks.peek();
        if (next != null) {
            double seconds = Math.max(0, next.end - executor.progress) * executor.tasks.size() / executors.rates[index];
            double from = Math.max(now, executors.ready[index]);
            events.add(new Event(from + seconds, Kind.DONE, index, executor.version, 0));
        }
    }
}
