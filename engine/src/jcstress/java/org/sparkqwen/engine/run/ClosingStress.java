package org.sparkqwen.engine.run;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/// Runs and loops that are closed while a step is computed, with a real model.
public final class ClosingStress {
    private ClosingStress() {}

    @JCStressTest
    @Description("A run that is closed during a step takes no result from another one, and leaves no block behind.")
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "the other run has its result, and all blocks are free")
    @State
    public static class ARunIsClosed {
        private final GenerationLoop loop = StressModel.newLoop();
        private final GenerationRun closing = StressModel.newRun(loop, 2);
        private final GenerationRun other = StressModel.newRun(loop, 2);

        @Actor
        public void step() {
            boolean _ = loop.step();
        }

        @Actor
        public void close() {
            closing.close();
        }

        @Arbiter
        public void rest(II_Result result) {
            boolean more = loop.step();
            while (more) {
                more = loop.step();
            }
            result.r1 = (int) other.next().id();
            result.r2 = loop.blocksInUse();
            loop.close();
        }
    }

    @JCStressTest
    @Description("A loop that is closed gives a run that waits its result or its end, and leaves no block behind.")
    @Outcome(id = "1, 0", expect = ACCEPTABLE, desc = "the run took its result before")
    @Outcome(id = "-1, 0", expect = ACCEPTABLE, desc = "the run was told that the engine is closed")
    @State
    public static class TheLoopIsClosed {
        private final GenerationLoop loop = StressModel.newLoop();
        private final GenerationRun run = StressModel.newRun(loop, 1);

        @Actor
        public void take(II_Result result) {
            try {
                result.r1 = (int) run.next().id();
            } catch (IllegalStateException _) {
                result.r1 = -1;
            }
        }

        @Actor
        public void close() {
            loop.close();
        }

        @Arbiter
        public void rest(II_Result result) {
            run.close();
            result.r2 = loop.blocksInUse();
        }
    }
}
