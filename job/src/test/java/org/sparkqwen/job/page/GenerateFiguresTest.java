package org.sparkqwen.job.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.sparkqwen.job.GenerateJob;
import org.sparkqwen.job.testing.LocalSpark;

class GenerateFiguresTest {
    @Test
    void varietyIsTheShareOfDifferentRunsOfTokens() {
        GenerateFigures figures = figures("(array(1, 2, 3), 3), (array(1, 2, 4), 3), (array(), 0)");
        assertThat(figures.compared()).isEqualTo(2);
        assertThat(figures.distinct().get(1)).isCloseTo(4.0 / 6, within(1e-12));
        assertThat(figures.distinct().get(2)).isCloseTo(3.0 / 4, within(1e-12));
        assertThat(figures.distinct().get(3)).isEqualTo(1);
        assertThat(figures.repeated()).isZero();
    }

    @Test
    void repetitionIsTheMeanShareOf4GramsThatATextHasHadBefore() {
        // Of the five 4-grams of the first text, the last is the first again.
        GenerateFigures figures = figures("(array(1, 2, 3, 4, 1, 2, 3, 4), 8), (array(7, 8), 2)");
        assertThat(figures.repeated()).isCloseTo((1.0 / 5 + 0) / 2, within(1e-12));
    }

    @Test
    void noTextHasNoFigures() {
        GenerateFigures figures = figures("(array(), 0)");
        assertThat(figures.distinct()).isEmpty();
        assertThat(figures.compared()).isZero();
        assertThat(figures.distributions().get("generated_tokens").isEmpty()).isTrue();
    }

    private static GenerateFigures figures(String values) {
        return GenerateFigures.of(WrittenRun.complete(
                LocalSpark.session().sql("SELECT * FROM VALUES %s AS t(token_ids, generated_tokens)".formatted(values)),
                GenerateJob.SCHEMA));
    }
}
