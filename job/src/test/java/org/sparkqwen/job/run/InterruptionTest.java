package org.sparkqwen.job.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// The message of a signal before it ends a run. `DriversIT` sends signals.
class InterruptionTest {
    @Test
    void aSignalSaysHowManyRowsAreKept() {
        try (Interruption interruption = Interruption.watch("score", () -> {})) {
            assertThat(interruption.line("INT"))
                    .isEqualTo("spark-qwen score: ended by SIGINT; work had not begun, and the same command"
                            + " starts again");
            interruption.done(1200, 4800);
            assertThat(interruption.line("TERM"))
                    .isEqualTo("spark-qwen score: ended by SIGTERM; 1,200 of 4,800 rows are done and kept: the same"
                            + " command goes on from there");
            interruption.done(4800, 4800);
            assertThat(interruption.line("INT"))
                    .isEqualTo("spark-qwen score: ended by SIGINT; all 4,800 rows are done; the same command shows the"
                            + " summary");
        }
        try (Interruption interruption = Interruption.watch("score", () -> {})) {
            interruption.done(4800, 4800);
            interruption.scored(4800);
            assertThat(interruption.line("INT"))
                    .isEqualTo("spark-qwen score: ended by SIGINT; all 4,800 rows are scored; the same command divides"
                            + " them into buckets");
            interruption.done(1200, 4800);
            assertThat(interruption.line("INT"))
                    .endsWith("all 4,800 rows are scored; 1,200 of 4,800 rows are done and kept: the same command goes"
                            + " on from there");
        }
        Interruption.awaitEndIfEnding(); // returns, because nothing is ending
    }
}
