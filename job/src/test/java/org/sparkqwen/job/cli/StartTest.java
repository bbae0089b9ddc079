package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StartTest {

    @Test
    void passesOnWhatFollowsTheJar() {
        assertThat(Start.ownArguments(
                        "--master", "local[*]", "--class", Main.class.getName(), "a.jar", "score", "--help"))
                .containsExactly("score", "--help");
    }

    @Test
    void answersHelpAndWrongOptionsAndSubmitsTheRest() {
        assertThat(Start.answer("score", "--help")).isZero();
        assertThat(Start.answer("--version")).isZero();
        assertThat(Start.answer()).isEqualTo(2);
        assertThat(Start.answer("score", "--colour", "red")).isEqualTo(2);
        assertThat(Start.answer("score", "--input", "a", "--output", "b")).isEqualTo(Start.SUBMIT);
    }
}
