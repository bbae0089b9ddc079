package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.run.ScoringRun;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;

/// Prints how long a multiple-choice set takes, with and without prompts in common: 1,000 questions of 150 to 250
/// tokens, with four answers of 1 to 8 tokens each.
@Tag("slow")
class SharedPromptsRateTest {
    private static final int QUESTIONS = 1000;
    private static final int ANSWERS = 4;
    private static final int ROUNDS = 2;

    @Test
    void multipleChoiceTakesATimeThatIsPrinted() {
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(KernelChoice.AUTO, 2, 2048))) {
            double shared = Double.MAX_VALUE;
            double apart = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) { // in turn, because the machine's speed changes
                shared = Math.min(shared, seconds(engine, requests(true)));
                apart = Math.min(apart, seconds(engine, requests(false)));
            }
            System.out.printf(
                    "%d questions with %d answers: %.2f s with shared prompts, %.2f s without, %.3f of the time%n",
                    QUESTIONS, ANSWERS, shared, apart, shared / apart);
            assertThat(engine.load().sharedTokens()).isPositive();
        }
    }

    private static double seconds(Engine engine, List<Request.Score> requests) {
        long start = System.nanoTime();
        ScoringRun run = engine.score(requests.iterator());
        run.forEachRemaining(result -> {});
        return (System.nanoTime() - start) / 1e9;
    }

    /// @param shared whether the answers of a question have its prompt; otherwise the prompts differ in the first
    /// token
    private static List<Request.Score> requests(boolean shared) {
        Random random = new Random(1);
        ScoringOptions options = new ScoringOptions(new Windows.Strided(1024, 512), Prefix.NONE, 20);
        List<Request.Score> requests = new ArrayList<>();
        for (int question = 0; question < QUESTIONS; question++) {
            int[] prompt = random.ints(150 + random.nextInt(101), 0, 8000).toArray();
            for (int answer = 0; answer < ANSWERS; answer++) {
                int[] own = prompt.clone();
                own[0] = shared ? 0 : answer;
                int[] tokens = random.ints(1 + random.nextInt(8), 0, 8000).toArray();
                requests.add(new Request.Score(
                        requests.size(), new Content.Tokens(own), new Content.Tokens(tokens), options));
            }
        }
        return requests;
    }
}
