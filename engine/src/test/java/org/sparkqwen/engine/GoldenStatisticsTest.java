package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.scoring.Entropies;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Entropies, Min-K%++ and the likeliest tokens of the small trained model are those of transformers.
class GoldenStatisticsTest {
    private static final List<JsonNode> DOCUMENTS = documents();
    private static final int BEST = 5;

    /// The tolerance of an entropy in nats. It is that of a log-probability, whose mean it is.
    private static final double ENTROPY = Golden.NLL_TOLERANCE;

    /// The tolerance of Min-K%++. Numerators and deviations differ by up to 2e-5 nats, and deviations are above
    /// 0.15.
    private static final double Z = 1e-3;

    private static List<JsonNode> documents() {
        List<JsonNode> documents = new ArrayList<>();
        Golden.read(Golden.DIRECTORY.resolve("statistics.json"))
                .get("documents")
                .forEach(documents::add);
        return documents;
    }

    @Test
    void fastKernelsGiveTheValuesOfTransformers() {
        for (KernelChoice kernels : BackEnds.fastChoices()) {
            assertStatistics(kernels, DOCUMENTS.size());
        }
    }

    @Test
    void scalarKernelsGiveTheValuesOfTransformers() {
        assertStatistics(KernelChoice.SCALAR, 2);
    }

    private static void assertStatistics(KernelChoice kernels, int documents) {
        double worst = 0;
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, 2, 1024))) {
            for (JsonNode document : DOCUMENTS.subList(0, documents)) {
                Result.Scored scored = score(engine, document, 20);
                Entropies entropies = Objects.requireNonNull(scored.score().entropies());
                double[] expected = Golden.doubles(document.get("entropy"));
                assertThat(entropies.ofTokens()).hasSize(expected.length + 1);
                assertThat(entropies.ofTokens()[0]).isNaN();
                for (int i = 0; i < expected.length; i++) {
                    assertThat(entropies.ofTokens()[i + 1]).isCloseTo(expected[i], within(ENTROPY));
                    worst = Math.max(worst, Math.abs(entropies.ofTokens()[i + 1] - expected[i]));
                }
                assertThat(entropies.mean())
                        .isCloseTo(document.get("mean_entropy").doubleValue(), within(ENTROPY));
                assertThat(entropies.minKPlusPlus())
                        .isCloseTo(document.get("min_k_plus_plus_20").doubleValue(), within(Z));
                assertThat(scored.score().minKProb())
                        .isCloseTo(document.get("min_k_20").doubleValue(), within(Golden.NLL_TOLERANCE));
                assertBest(document.get("top5_of_first_six"), scored.score().best());
            }
        }
        // This is the figure of docs/numerics.md.
        System.out.printf("%s: at most %.2g nats from transformers in an entropy%n", kernels, worst);
    }

    /// Compares the likeliest tokens of the first positions. Where two are as likely as the tolerance, either order
    /// is right.
    private static void assertBest(JsonNode expected, List<List<RankedToken>> best) {
        assertThat(best.getFirst()).isEmpty();
        for (int position = 0; position < expected.size(); position++) {
            List<RankedToken> tokens = best.get(position + 1);
            assertThat(tokens).hasSize(BEST);
            for (int i = 0; i < BEST; i++) {
                JsonNode pair = expected.get(position).get(i);
                assertThat(tokens.get(i).logProbability())
                        .isCloseTo(pair.get(1).doubleValue(), within(Golden.NLL_TOLERANCE));
            }
            assertThat(tokens.getFirst().token())
                    .isEqualTo(expected.get(position).get(0).get(0).intValue());
        }
    }

    /// The lowest z, and means of more of them up to all.
    @Test
    void anyPercentageAveragesTheLowestOfTransformersValues() {
        JsonNode document = DOCUMENTS.getFirst();
        double[] ascending = Golden.doubles(document.get("z"));
        Arrays.sort(ascending);
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(KernelChoice.AUTO, 2, 1024))) {
            for (int percent : new int[] {1, 20, 50, 100}) {
                int count = Math.max(1, ascending.length * percent / 100);
                double mean = Arrays.stream(ascending).limit(count).average().orElseThrow();
                Entropies entropies = score(engine, document, percent).score().entropies();
                assertThat(Objects.requireNonNull(entropies).minKPlusPlus()).isCloseTo(mean, within(Z));
            }
        }
    }

    private static Result.Scored score(Engine engine, JsonNode document, double percent) {
        ScoringOptions options = new ScoringOptions(new Windows.Strided(1024, 512), Prefix.NONE, percent);
        Content text = new Content.Text(document.get("text").textValue(), SpecialTokens.TEXT);
        Request.Score request = new Request.Score(0, null, text, options, new ScoreDetails(true, BEST));
        Result.Scored scored =
                (Result.Scored) engine.score(List.of(request).iterator()).next();
        assertThat(scored.tokens()).isEqualTo(Golden.ints(document.get("ids")));
        return scored;
    }
}
