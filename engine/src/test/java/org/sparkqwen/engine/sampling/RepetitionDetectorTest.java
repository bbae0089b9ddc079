package org.sparkqwen.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RepetitionDetectorTest {

    @ParameterizedTest
    @CsvSource({"1, 2", "1, 5", "2, 3", "7, 4", "63, 2", "64, 3"})
    void aSequenceIsFoundAtTheLastTokenOfItsLastRepetition(int period, int repetitions) {
        RepetitionDetector detector = new RepetitionDetector(repetitions);
        List<Integer> tokens = new ArrayList<>(List.of(1001, 1002, 1003));
        for (int i = 0; i < period * repetitions; i++) {
            tokens.add(i % period);
        }
        for (int i = 0; i < tokens.size(); i++) {
            assertThat(detector.add(tokens.get(i))).as("token %d", i).isEqualTo(i == tokens.size() - 1);
        }
    }

    @Test
    void aLongerSequenceIsNotLookedFor() {
        RepetitionDetector detector = new RepetitionDetector(2);
        assertThat(IntStream.range(0, 65 * 4).anyMatch(i -> detector.add(i % 65)))
                .isFalse();
    }

    @Test
    void offItFindsNothing() {
        RepetitionDetector detector = new RepetitionDetector(0);
        assertThat(IntStream.range(0, 1000).anyMatch(i -> detector.add(7))).isFalse();
    }

    /// Compares with a search of the whole text after each token.
    @Test
    void findsWhatALookAtTheWholeTextFinds() {
        Random random = new Random(3);
        for (int round = 0; round < 300; round++) {
            int repetitions = 2 + random.nextInt(3);
            RepetitionDetector detector = new RepetitionDetector(repetitions);
            List<Integer> tokens = new ArrayList<>();
            for (int i = 0; i < 150; i++) {
                tokens.add(random.nextInt(3) == 0 ? random.nextInt(3) : tokens.size() % (1 + round % 9));
                assertThat(detector.add(tokens.getLast())).isEqualTo(repeats(tokens, repetitions));
            }
        }
    }

    private static boolean repeats(List<Integer> tokens, int repetitions) {
        for (int period = 1; period <= RepetitionDetector.LONGEST; period++) {
            int length = period * repetitions;
            if (length <= tokens.size()) {
                List<Integer> end = tokens.subList(tokens.size() - length, tokens.size());
                if (end.subList(0, length - period).equals(end.subList(period, length))) {
                    return true;
                }
            }
        }
        return false;
    }
}
