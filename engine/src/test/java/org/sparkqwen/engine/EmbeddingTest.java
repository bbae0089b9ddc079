package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.sparkqwen.engine.checkpoint.PackingException;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.model.SentenceEncoder;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.EmbeddingModel;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.testing.Refusal;
import org.sparkqwen.engine.testing.Unwatched;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;

/// Embeddings are those of transformers, whatever else is in the batch, and need no head.
class EmbeddingTest {
    private static final int HIDDEN = 96;
    private static final int CONTEXT = 2048;
    private static final int END = 8189; // <|endoftext|>

    /// The tolerance for the values of transformers, which were computed with rounded rotary frequencies.
    private static final double COSINE = 1e-5;

    /// The tolerance for the exact values of `golden/embedding/exact.py`.
    private static final double EACH_NUMBER = 1e-6;

    @TempDir
    private static Path model;

    @BeforeAll
    static void writeModel() {
        EmbeddingModel.in(model);
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#choices")
    void embeddingsAreThoseOfTransformers(KernelChoice kernels) {
        Map<String, String> prompts = SentenceEncoder.read(model).prompts();
        try (Engine engine = Engine.open(model, Golden.options(kernels, 2, 512))) {
            for (JsonNode row : EmbeddingModel.golden().get("rows")) {
                String prompt =
                        Objects.requireNonNull(prompts.get(row.get("kind").textValue()));
                Content content = new Content.Parts(List.of(
                        new TextPart(prompt, SpecialTokens.PARSE),
                        new TextPart(row.get("text").textValue(), SpecialTokens.TEXT)));
                for (int dims : new int[] {HIDDEN, 64, 32}) {
                    Result.Embedded result = embedded(engine, new Request.Embed(0, content, CONTEXT, dims));
                    double[] expected = Golden.doubles(row.get(dims == HIDDEN ? "embedding" : "embedding_" + dims));
                    assertThat(cosine(result.embedding(), expected)).isCloseTo(1, within(COSINE));
                    assertThat(result.tokens()).isEqualTo(row.get("ids").size());
                    assertThat(result.truncated()).isFalse();
                }
                double[] exact = Golden.doubles(row.get("exact"));
                float[] whole = embedded(engine, new Request.Embed(0, content, CONTEXT, HIDDEN))
                        .embedding();
                for (int i = 0; i < HIDDEN; i++) {
                    assertThat((double) whole[i]).isCloseTo(exact[i], within(EACH_NUMBER));
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"auto, 1, 4096", "vector, 2, 64", "scalar, 2, 37"})
    void anEmbeddingHasTheSameBitsInAnyBatch(String kernels, int threads, int batchTokens) {
        List<Request.Embed> requests = new ArrayList<>(randomTexts());
        List<Result> expected;
        Path small = Golden.DIRECTORY.resolve("models/dense-tied-f32");
        try (Engine engine = Engine.open(small, Golden.options(KernelChoice.SCALAR, 1, 1))) {
            expected = Golden.all(engine.embed(requests.iterator()));
        }
        Collections.shuffle(requests, new Random(2));
        try (Engine engine = Engine.open(small, Golden.options(new KernelChoice(kernels), threads, batchTokens))) {
            List<Result> results = Golden.all(engine.embed(requests.iterator()));
            assertThat(results).usingRecursiveComparison().isEqualTo(expected);
            assertThat(engine.blocksInUse()).isZero();
        }
    }

    /// Texts of 1 to 90 tokens.
    private static List<Request.Embed> randomTexts() {
        Random random = new Random(1);
        return IntStream.range(0, 12)
                .mapToObj(i -> new Request.Embed(
                        i, new Content.Tokens(random.ints(1 + i * 8L, 0, 500).toArray()), 512, 64))
                .toList();
    }

    @Test
    void aLongTextIsCutAndEndsLikeAnyText() {
        String text = "dog (noun): a domesticated animal\n\n".repeat(20);
        try (Engine engine = Engine.open(model, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            Result.Embedded cut = embedded(engine, new Request.Embed(0, text(text), 30, HIDDEN));
            assertThat(cut.truncated()).isTrue();
            assertThat(cut.tokens()).isEqualTo(30);
            int[] ids = engine.tokens(text(text));
            int[] beginning = IntStream.concat(IntStream.of(ids).limit(29), IntStream.of(END))
                    .toArray();
            Result.Embedded alone = embedded(engine, new Request.Embed(0, new Content.Tokens(beginning), 30, HIDDEN));
            assertThat(alone.embedding()).isEqualTo(cut.embedding());
            assertThat(alone.truncated()).isFalse();
            assertThat(reason(engine, new Request.Embed(0, text(text), 1, HIDDEN)))
                    .contains("no room for text");
        }
    }

    @Test
    void anEmptyTextIsTheTokenOfItsEnd() {
        try (Engine engine = Engine.open(model, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            Result.Embedded empty = embedded(engine, new Request.Embed(0, text(""), CONTEXT, HIDDEN));
            assertThat(empty.tokens()).isEqualTo(1);
            assertThat(embedded(engine, new Request.Embed(0, new Content.Tokens(new int[] {END}), CONTEXT, HIDDEN))
                            .embedding())
                    .isEqualTo(empty.embedding());
        }
        try (Engine engine = Engine.open(Golden.SMALL_MODEL, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            assertThat(reason(engine, new Request.Embed(0, text(""), 64, 64))).isEqualTo("the text is empty");
        }
    }

    @Test
    void aModelWithoutHeadEmbedsAndRefusesOtherWork(@TempDir Path headless, @TempDir Path packed, @TempDir Path cache)
            throws PackingException {
        ModelCopy copy = EmbeddingModel.in(headless).config(json -> json.put("tie_word_embeddings", false));
        Request.Embed request = new Request.Embed(0, text("Call me Ishmael."), CONTEXT, HIDDEN);
        float[] expected;
        try (Engine engine = Engine.open(model, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            expected = embedded(engine, request).embedding();
        }
        try (Engine engine = Engine.open(copy.directory(), Golden.options(KernelChoice.VECTOR, 1, 64))) {
            assertThat(embedded(engine, request).embedding()).isEqualTo(expected);
            for (Runnable work : List.<Runnable>of(
                    () -> engine.score(Collections.emptyIterator()),
                    () -> engine.generate(Collections.emptyIterator()))) {
                assertThat(Refusal.messageOf(work::run))
                        .contains("have no head, lm_head.weight", "compute these with the command embed");
            }
        }
        for (WeightEncoding encoding : List.of(WeightEncoding.STORED, WeightEncoding.INT8)) {
            Path to = packed.resolve(encoding.toString());
            Packing.intoDirectory(headless, encoding, to, cache, new Unwatched());
            assertThat(Files.exists(to.resolve("1_Pooling/config.json"))).isTrue();
            assertThat(SentenceEncoder.read(to)).isEqualTo(SentenceEncoder.read(model));
            try (Engine engine = Engine.open(to, Golden.options(KernelChoice.VECTOR, 1, 64), 0)) {
                float[] embedding = embedded(engine, request).embedding();
                if (encoding == WeightEncoding.STORED) {
                    assertThat(embedding).as("streamed").isEqualTo(expected);
                } else {
                    double[] exact = IntStream.range(0, HIDDEN)
                            .mapToDouble(i -> expected[i])
                            .toArray();
                    assertThat(cosine(embedding, exact)).isGreaterThan(0.99);
                }
            }
        }
    }

    private static Content text(String text) {
        return new Content.Text(text, SpecialTokens.TEXT);
    }

    private static Result.Embedded embedded(Engine engine, Request.Embed request) {
        return (Result.Embedded) engine.embed(List.of(request).iterator()).next();
    }

    private static String reason(Engine engine, Request.Embed request) {
        return ((Result.Rejected) engine.embed(List.of(request).iterator()).next()).reason();
    }

    private static double cosine(float[] a, double[] b) {
        double product = 0;
        double squares = 0;
        for (int i = 0; i < b.length; i++) {
            product += a[i] * b[i];
            squares += b[i] * b[i];
        }
        return product / Math.sqrt(squares);
    }
}
