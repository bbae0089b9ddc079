package org.sparkqwen.job.cli.report;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.plan.Cluster;
import org.sparkqwen.job.plan.RunSimulation;
import org.sparkqwen.job.plan.Workload;
import org.sparkqwen.job.progress.SpeedProbe;
import org.sparkqwen.job.run.RunForecast;

/// What `inspect --plan` shows: what a run would do on a cluster, how long it takes, and what limits it.
public final class PlanReport {
    private final RunForecast forecast;
    private final Workload work;
    private final Cluster cluster;
    private final RunSimulation.Course course;

    public PlanReport(RunForecast forecast, Workload work, Cluster cluster, RunSimulation.Course course) {
        this.forecast = forecast;
        this.work = work;
        this.cluster = cluster;
        this.course = course;
    }

    public String title() {
        return "Plan of score on %s of %,d cores%s"
                .formatted(
                        JobSummary.count(cluster.hosts(), "host"),
                        cluster.cores(),
                        cluster.executorsPerHost() == 1
                                ? ""
                                : ", with %,d executors each".formatted(cluster.executorsPerHost()));
    }

    /// @param price what a host costs an hour; null if that is not known
    public List<String> lines(@Nullable Double price) {
        List<String> lines = new ArrayList<>();
        lines.add("input       %s of %s, %s"
                .formatted(
                        JobSummary.count(work.files(), "file"),
                        ByteCount.text(work.bytes()),
                        ForecastReport.rows(forecast)));
        lines.add("tokens      about %,.0f, %,.0f a row with a deviation of %,.0f"
                .formatted(work.rows() * work.tokens(), work.tokens(), work.deviation()));
        lines.add("speed       " + speed());
        lines.add("model       " + model());
        lines.add("first rows  %s after the start".formatted(clock(course.firstRows())));
        lines.add("time        about %s, in %,.0f interval%s of at most %,d tasks"
                .formatted(
                        clock(course.seconds()),
                        course.intervals(),
                        course.intervals() == 1 ? "" : "s",
                        course.tasks()));
        lines.add(
                "ends        in the last %s of an interval some executors have no task; %.1f %% of their time is unused"
                        .formatted(clock(course.tail()), 100 * course.unused()));
        lines.add("driver      at least %s of heap (spark.driver.memory)".formatted(ByteCount.text(heap())));
        if (cluster.coresOfTask() > 1) {
            lines.add("tasks       set spark.task.cpus to %,d: the driver cannot start a task for each of %,d cores"
                    .formatted(cluster.coresOfTask(), cluster.hosts() * cluster.cores()));
        }
        if (course.lost() > 0) {
            lines.add(
                    "losses      about %,.0f executors are lost, and their tasks begin anew".formatted(course.lost()));
        }
        double hours = cluster.hosts() * course.seconds() / 3600;
        lines.add("cost        %,.1f host hours%s"
                .formatted(hours, price == null ? "" : ", %,.2f".formatted(hours * price)));
        return lines;
    }

    private long heap() {
        return (long) course.driverHeap();
    }

    private String speed() {
        SpeedProbe.Speed speed = forecast.speed();
        double measured = speed == null ? 0 : speed.tokensPerSecond();
        double whole = work.tokensPerSecond() * cluster.hosts() * cluster.cores();
        return "%,.0f tokens/s, measured for %.0f s on %d cores here, so %,.0f tokens/s on all cores"
                .formatted(measured, speed == null ? 0 : speed.seconds(), forecast.cores(), whole);
    }

    private String model() {
        String size = ByteCount.text(work.modelBytes());
        return switch (work.distribution()) {
            case SHARED -> size + ", which all hosts see";
            case FETCH ->
                "%s, which each host reads until %s after the start".formatted(size, clock(course.lastHost()));
            case BROADCAST ->
                "%s by broadcast: the first host has it %s after the start, the last one after %s"
                        .formatted(size, clock(course.firstHost()), clock(course.lastHost()));
        };
    }

    private static String clock(double seconds) {
        return ForecastReport.clock(Duration.ofMillis(Math.round(1e3 * seconds)));
    }
}
