package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.BackEnds;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KernelProvider;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// What each precision does to whole models.
class PrecisionModelTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));

    @ParameterizedTest
    @EnumSource(Precision.class)
    void shortDocumentsStayNearTransformers(Precision precision) {
        assertDistance(precision, 300);
    }

    /// The distances are figures of docs/numerics.md.
    @ParameterizedTest
    @EnumSource(Precision.class)
    @Tag("slow")
    void allDocumentsStayNearTransformers(Precision precision) {
        assertDistance(precision, 1024);
    }

    /// @param longest the most tokens of a document that is scored
    private static void assertDistance(Precision precision, int longest) {
        double worst = 0;
        double sum = 0;
        double exact = 0;
        int tokens = 0;
        KernelChoice kernels = KernelChoice.AUTO.in(precision);
        EngineOptions options = Golden.options(kernels, 2, 4096).withWeights(weights(precision));
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, options)) {
            for (JsonNode document : GOLDEN.get("documents")) {
                if (document.get("tokens").intValue() > longest || !document.has("nll")) {
                    continue;
                }
                double[] nll = Golden.doubles(document.get("nll"));
                double[] ours = scored(engine, document.get("text").textValue());
                for (int i = 0; i < nll.length; i++) {
                    worst = Math.max(worst, Math.abs(-ours[i + 1] - nll[i]));
                    sum -= ours[i + 1];
                    exact += nll[i];
                }
                tokens += nll.length;
            }
        }
        double perplexity = Math.exp((sum - exact) / tokens) - 1;
        System.out.printf(
                "%s: at most %.2g nats from transformers in a token of %d; perplexity %+.4f %%%n",
                precision, worst, tokens, 100 * perplexity);
        assertThat(tokens).isGreaterThan(500);
        switch (precision) {
            case FLOAT32, FLOAT32X2 -> assertThat(worst).isLessThan(Golden.NLL_TOLERANCE);
            case BFLOAT16, BFLOAT16_AMX -> assertThat(worst).isBetween(1e-3, 0.2);
            case INT8 -> assertThat(worst).isBetween(1e-2, 1.0);
        }
        assertThat(Math.abs(perplexity)).isLessThan(worst < Golden.NLL_TOLERANCE ? 1e-5 : 5e-3);
    }

    /// A mixture of experts and a dense model, with weights in both formats.
    @ParameterizedTest
    @ValueSource(strings = {"moe-mixed-bf16", "dense-odd-f16", "qwen2-bias"})
    void aModelHasTheSameBitsOnEveryBackEnd(String model) {
        JsonNode golden =
                Golden.read(Golden.DIRECTORY.resolve("models").resolve(model).resolve("golden.json"));
        int[] ids = Golden.ints(golden.get("sequences").get(1).get("ids"));
        for (Precision precision : Precision.values()) {
            List<double[]> results = new ArrayList<>();
            for (KernelProvider provider : BackEnds.providers()) {
                if (provider.obstacle(precision).isPresent()) {
                    continue;
                }
                KernelChoice choice = new KernelChoice(provider.name()).in(precision);
                EngineOptions options = Golden.options(choice, 2, 2048).withWeights(weights(precision));
                try (Engine engine =
                        Engine.open(Golden.DIRECTORY.resolve("models").resolve(model), options)) {
                    results.add(Golden.scored(engine, ids, Golden.unprefixed(1024, 1024))
                            .score()
                            .tokenLogProbabilities());
                }
            }
            assertThat(results)
                    .hasSizeGreaterThan(1)
                    .allSatisfy(result ->
                            assertThat(result).as("%s in %s", model, precision).isEqualTo(results.getFirst()));
        }
    }

    @Test
    void thePrecisionInt8NeedsWeightsOfIntegers() {
        EngineOptions options = Golden.options(KernelChoice.AUTO.in(Precision.INT8), 1, 2048);
        assertThatThrownBy(() -> Engine.open(Golden.SMALL_MODEL, options))
                .isInstanceOf(InvalidModelException.class)
                .hasMessageContaining("choose weights int8 or int4");
    }

    @Test
    void anUnknownPrecisionIsRefusedWithTheNamesThatThereAre() {
        assertThat(Precision.names()).contains("float32", "float32x2", "bfloat16", "bfloat16-amx");
        for (String name : Precision.names()) {
            assertThat(Precision.of(name)).hasToString(name);
        }
        assertThatThrownBy(() -> Precision.of("half"))
                .hasMessageStartingWith("there is no precision 'half'; there are float32, float32x2, ");
    }

    private static WeightEncoding weights(Precision precision) {
        return precision == Precision.INT8 ? WeightEncoding.INT8 : WeightEncoding.STORED;
    }

    private static double[] scored(Engine engine, String text) {
        Request.Score request =
                new Request.Score(0, new Content.Text(text, SpecialTokens.TEXT), Golden.unprefixed(1024, 512));
        Result.Scored scored =
                (Result.Scored) engine.score(List.of(request).iterator()).next();
        return scored.score().tokenLogProbabilities();
    }
}
