package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// The small trained model gives the values of tokenizers and transformers for real documents, from text to
/// log-likelihood.
class GoldenSmallModelTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));

    @Test
    void scoresDocumentsInStridedWindowsAsTransformersDoes() {
        assertScores(KernelChoice.AUTO, 1024, 512, Integer.MAX_VALUE, 20);
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            assertScores(kernels, 256, 128, 400, 6);
        }
    }

    @ParameterizedTest
    @CsvSource({"1024, 512, 20", "256, 128, 6", "256, 256, 6"})
    @Tag("slow")
    void scoresAllDocumentsWithFastKernelsAsTransformersDoes(int context, int stride, int wholeDocuments) {
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            assertScores(kernels, context, stride, Integer.MAX_VALUE, wholeDocuments);
        }
    }

    /// The scalar kernels have a twentieth of the others' speed. In every build, `EngineInvariantsTest` finds the
    /// same bits with them, and `GoldenModelTest` compares them with transformers.
    @ParameterizedTest
    @CsvSource({"1024, 512, 20", "256, 128, 6", "256, 256, 6"})
    @Tag("slow")
    void scoresAllDocumentsWithScalarKernelsAsTransformersDoes(int context, int stride, int wholeDocuments) {
        assertScores(KernelChoice.SCALAR, context, stride, Integer.MAX_VALUE, wholeDocuments);
    }

    /// Asserts the figures of each document, and those of each token of documents that one window holds.
    ///
    /// @param longest the most tokens of a document that is scored
    /// @param wholeDocuments the least number of documents that one window holds
    private static void assertScores(KernelChoice kernels, int context, int stride, int longest, int wholeDocuments) {
        try (Engine engine = open(kernels)) {
            int whole = 0;
            double worst = 0;
            for (JsonNode document : GOLDEN.get("documents")) {
                if (document.get("tokens").intValue() > longest) {
                    continue;
                }
                Result.Scored scored = score(engine, document, context, stride);
                assertThat(scored.tokens()).hasSize(document.get("tokens").intValue());

                JsonNode expected = document.get("window_%d_%d".formatted(context, stride));
                int tokensScored = expected.get("scored").intValue();
                assertThat(scored.score().tokensScored()).isEqualTo(tokensScored);
                assertThat(scored.score().sumNll())
                        .isCloseTo(expected.get("sum_nll").doubleValue(), within(Golden.NLL_TOLERANCE * tokensScored));
                if (document.has("nll") && scored.tokens().length <= context) {
                    worst = Math.max(worst, assertTokens(scored, document));
                    whole++;
                }
            }
            assertThat(whole).isGreaterThanOrEqualTo(wholeDocuments);
            // This is the figure of docs/numerics.md.
            System.out.printf(
                    "%s, context %d: at most %.2g nats from transformers in a token of %d documents%n",
                    kernels, context, worst, whole);
        }
    }

    /// Compares the tokens' values, and returns the greatest difference in nats.
    private static double assertTokens(Result.Scored scored, JsonNode document) {
        assertThat(scored.tokens()).isEqualTo(Golden.ints(document.get("ids")));
        double[] nll = Golden.doubles(document.get("nll"));
        double worst = 0;
        for (int i = 0; i < nll.length; i++) {
            double ours = -scored.score().tokenLogProbabilities()[i + 1];
            assertThat(ours).isCloseTo(nll[i], within(Golden.NLL_TOLERANCE));
            worst = Math.max(worst, Math.abs(ours - nll[i]));
        }
        return worst;
    }

    @ParameterizedTest
    @CsvSource({"scalar, 1", "vector, 8"})
    void continuesPromptsGreedilyAsTransformersDoes(KernelChoice kernels, int prompts) {
        assertGreedyContinuations(kernels, prompts);
    }

    @Test
    @Tag("slow")
    void continuesAllPromptsGreedilyWithScalarKernelsAsTransformersDoes() {
        assertGreedyContinuations(KernelChoice.SCALAR, 8);
    }

    private static void assertGreedyContinuations(KernelChoice kernels, int prompts) {
        try (Engine engine = open(kernels)) {
            assertThat(GOLDEN.get("greedy")).hasSize(8);
            for (JsonNode continuation :
                    GOLDEN.get("greedy").valueStream().limit(prompts).toList()) {
                int[] expected = Golden.ints(continuation.get("tokens"));
                Content prompt = new Content.Text(continuation.get("prompt").textValue(), SpecialTokens.TEXT);
                int[] ids = engine.tokens(prompt);
                assertThat(ids).isEqualTo(Golden.ints(continuation.get("ids")));
                assertThat(Golden.greedyPastEndOfText(engine, ids, expected.length))
                        .containsExactly(expected);

                Request.Generate request = new Request.Generate(0, prompt, 0, Golden.greedy(expected.length));
                Result.Generated generated = (Result.Generated)
                        engine.generate(List.of(request).iterator()).next();
                assertThat(continuation.get("text").textValue()).startsWith(Objects.requireNonNull(generated.text()));
            }
        }
    }

    private static Result.Scored score(Engine engine, JsonNode document, int context, int stride) {
        Request.Score request = new Request.Score(
                0,
                new Content.Text(document.get("text").textValue(), SpecialTokens.TEXT),
                Golden.unprefixed(context, stride));
        return (Result.Scored) engine.score(List.of(request).iterator()).next();
    }

    private static Engine open(KernelChoice kernels) {
        return Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, 2, 4096));
    }
}
