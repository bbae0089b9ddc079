package org.sparkqwen.engine.kernels;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;

import java.util.stream.IntStream;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;
import org.openjdk.jcstress.infra.results.II_Result;

/// Two callers who use one [ThreadTeam] at once.
public final class ThreadTeamStress {
    private static final ThreadTeam TEAM = ThreadTeam.start(3);
    private static final int PARTS = 7;

    private ThreadTeamStress() {}

    @JCStressTest
    @Description("Each part runs once, sees what its caller wrote before, and the caller sees what it wrote.")
    @Outcome(id = "1111111, 2222222", expect = ACCEPTABLE, desc = "a digit for each part, which wrote it once")
    @State
    public static class EachPartRunsOnce {
        private final Parts first = new Parts();
        private final Parts second = new Parts();

        @Actor
        public void first(II_Result result) {
            result.r1 = first.run(1);
        }

        @Actor
        public void second(II_Result result) {
            result.r2 = second.run(2);
        }
    }

    /// What one caller and its parts write, in plain fields.
    private static final class Parts {
        private final int[] written = new int[PARTS];
        private int value;

        int run(int digit) {
            value = digit;
            TEAM.run(PARTS, (part, _) -> written[part] += value);
            return IntStream.of(written).reduce(0, (digits, each) -> 10 * digits + each);
        }
    }

    @JCStressTest
    @Description("All parts run though each throws, and the exception that is kept is the first of its thread.")
    @Outcome(id = "1, 7, 1, 7", expect = ACCEPTABLE, desc = "a first exception, and seven parts, for each caller")
    @State
    public static class TheFirstFailureIsKept {
        private final FailingParts first = new FailingParts();
        private final FailingParts second = new FailingParts();

        @Actor
        public void first(IIII_Result result) {
            result.r1 = first.run();
            result.r2 = first.thrown();
        }

        @Actor
        public void second(IIII_Result result) {
            result.r3 = second.run();
            result.r4 = second.thrown();
        }
    }

    private static final class FailingParts {
        private final int[] thrownBy = new int[TEAM.threads()];

        /// @return which exception of its thread was kept, from 1 on; 0 if none was
        int run() {
            try {
                TEAM.run(PARTS, (_, worker) -> {
                    throw new PartFailure(++thrownBy[worker]);
                });
                return 0;
            } catch (PartFailure e) {
                return e.number;
            }
        }

        int thrown() {
            return IntStream.of(thrownBy).sum();
        }
    }

    private static final class PartFailure extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final int number;

        PartFailure(int number) {
            super(null, null, false, false);
            this.number = number;
        }
    }
}
