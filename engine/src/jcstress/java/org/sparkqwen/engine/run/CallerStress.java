package org.sparkqwen.engine.run;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.util.concurrent.locks.ReentrantLock;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;
import org.openjdk.jcstress.infra.results.I_Result;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scheduler.Scheduler;

/// The hand-over of results from the generation loop to a run, by their [Caller].
public final class CallerStress {
    /// Far longer than any test, so that only news ends the wait for them.
    private static final long LONG_MILLIS = 60_000;

    private static final int ENDED = 9;

    private CallerStress() {}

    private static Caller newCaller() {
        Scheduler scheduler = new Scheduler(StressModel.newCache(), 8, 2);
        Caller caller = new Caller(new ReentrantLock(), scheduler, StressModel.OPTIONS);
        caller.exhaust(); // room for a further text is no news
        return caller;
    }

    private static Result result(int id) {
        return new Result.Rejected(id, "");
    }

    /// The number of the result that is there; 0 if there is none.
    private static int poll(Caller caller) {
        try {
            Result result = caller.poll();
            return result == null ? 0 : (int) result.id();
        } catch (IllegalStateException _) {
            return ENDED;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static int awaitAndPoll(Caller caller) {
        try {
            caller.awaitNews(LONG_MILLIS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return poll(caller);
    }

    @JCStressTest
    @Description("A run takes each result once, in order, whenever the loop puts it.")
    @Outcome(id = "0, 12", expect = ACCEPTABLE, desc = "both results were put later")
    @Outcome(id = "1, 2", expect = ACCEPTABLE, desc = "the second result was put later")
    @Outcome(id = "12, 0", expect = ACCEPTABLE, desc = "both results were there")
    @State
    public static class EachResultIsTakenOnce {
        private final Caller caller = newCaller();

        @Actor
        public void loop() {
            caller.put(result(1));
            caller.put(result(2));
        }

        @Actor
        public void run(II_Result result) {
            result.r1 = take(caller);
        }

        @Arbiter
        public void rest(II_Result result) {
            result.r2 = take(caller);
        }

        private static int take(Caller caller) {
            int first = poll(caller);
            int second = poll(caller);
            return second == 0 ? first : 10 * first + second;
        }
    }

    @JCStressTest
    @Description("A run that waits is woken by a result.")
    @Outcome(id = "1", expect = ACCEPTABLE, desc = "the result was there, or woke the run")
    @State
    public static class AResultWakesTheRun {
        private final Caller caller = newCaller();

        @Actor
        public void loop() {
            caller.put(result(1));
        }

        @Actor
        public void run(I_Result result) {
            result.r1 = awaitAndPoll(caller);
        }
    }

    @JCStressTest
    @Description("A run that waits is woken when the loop ends.")
    @Outcome(id = "9", expect = ACCEPTABLE, desc = "the run is told that there is no further result")
    @State
    public static class TheEndWakesTheRun {
        private final Caller caller = newCaller();

        @Actor
        public void loop() {
            caller.end(new IllegalStateException("the engine is closed"));
        }

        @Actor
        public void run(I_Result result) {
            result.r1 = awaitAndPoll(caller);
        }
    }
}
