package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;

/// How far greedy texts of held-out prompts stay those of stored weights in float32, for each encoding of weights, each
/// precision and each format of the KV cache.
class GreedyTextsTest {
    private static final JsonNode GOLDEN = Golden.read(Golden.DIRECTORY.resolve("tiny.json"));
    private static final int PROMPT_TOKENS = 32;
    private static final int NEW_TOKENS = 32;
    private static final Variant REFERENCE = new Variant(WeightEncoding.STORED, Precision.FLOAT32, KeyValueFormat.F32);

    private record Variant(WeightEncoding weights, Precision precision, KeyValueFormat keyValues) {}

    /// The share of tokens before the first that differs, and the share of texts without such a token.
    private record Agreement(double tokens, double texts) {}

    @Test
    void textsInEightBitsBeginAlike() {
        List<int[]> prompts = prompts(1000);
        Variant eightBits = new Variant(WeightEncoding.INT8, Precision.INT8, KeyValueFormat.INT8);
        assertThat(agreement(texts(REFERENCE, prompts), texts(eightBits, prompts))
                        .tokens())
                .isBetween(0.1, 1.0);
    }

    /// The shares are figures of docs/numerics.md.
    @Test
    @Tag("slow")
    void textsOfEveryVariantBeginAlike() {
        List<int[]> prompts = prompts(64);
        List<List<Integer>> expected = texts(REFERENCE, prompts);
        for (Variant variant : variants()) {
            Agreement agreement = agreement(expected, texts(variant, prompts));
            System.out.printf(
                    "weights %s, precision %s, kv %s: of %d texts %.0f %% are equal, and %.0f %% of the tokens%n",
                    variant.weights(),
                    variant.precision(),
                    variant.keyValues(),
                    prompts.size(),
                    100 * agreement.texts(),
                    100 * agreement.tokens());
            assertThat(agreement.tokens()).isBetween(0.1, 1.0);
        }
    }

    private static List<Variant> variants() {
        List<Variant> variants = new ArrayList<>();
        for (WeightEncoding weights : WeightEncoding.values()) {
            for (Precision precision : List.of(Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8)) {
                if (precision != Precision.INT8 || weights != WeightEncoding.STORED) {
                    variants.add(new Variant(weights, precision, KeyValueFormat.F32));
                }
            }
        }
        variants.add(new Variant(WeightEncoding.STORED, Precision.FLOAT32, KeyValueFormat.BF16));
        variants.add(new Variant(WeightEncoding.STORED, Precision.FLOAT32, KeyValueFormat.INT8));
        return variants;
    }

    /// The beginnings of documents that the model has not seen, and of their later parts.
    ///
    /// @param step number of tokens from one prompt of a document to the next
    private static List<int[]> prompts(int step) {
        List<int[]> prompts = new ArrayList<>();
        for (JsonNode document : GOLDEN.get("documents")) {
            int[] ids = document.has("ids") ? Golden.ints(document.get("ids")) : new int[0];
            for (int from = 0; from + PROMPT_TOKENS <= ids.length; from += step) {
                prompts.add(Arrays.copyOfRange(ids, from, from + PROMPT_TOKENS));
            }
        }
        return prompts;
    }

    private static List<List<Integer>> texts(Variant variant, List<int[]> prompts) {
        EngineOptions options = Golden.options(KernelChoice.AUTO.in(variant.precision()), 2, 2048)
                .withWeights(variant.weights())
                .withKeyValues(new KeyValueOptions(variant.keyValues(), Long.MAX_VALUE));
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, options)) {
            List<Request.Generate> requests = IntStream.range(0, prompts.size())
                    .mapToObj(i -> Golden.generate(i, prompts.get(i), Golden.greedy(NEW_TOKENS)))
                    .toList();
            return Golden.all(engine.generate(requests.iterator())).stream()
                    .map(result -> ((Result.Generated) result).tokens())
                    .toList();
        }
    }

    private static Agreement agreement(List<List<Integer>> expected, List<List<Integer>> texts) {
        int tokens = 0;
        int same = 0;
        int equal = 0;
        for (int i = 0; i < expected.size(); i++) {
            List<Integer> text = expected.get(i);
            List<Integer> other = texts.get(i);
            int at = 0;
            while (at < Math.min(text.size(), other.size()) && text.get(at).equals(other.get(at))) {
                at++;
            }
            tokens += text.size();
            same += at;
            equal += text.equals(other) ? 1 : 0;
        }
        return new Agreement((double) same / tokens, (double) equal / expected.size());
    }
}
