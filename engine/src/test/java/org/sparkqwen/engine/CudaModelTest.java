package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.Penalties;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.testing.CudaDevice;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Models on a GPU give the values of transformers, and the same bits whatever else is in a batch.
@Tag("cuda")
class CudaModelTest {
    private static final long SEED = 20_261_130;

    /// The tolerance in nats of bfloat16 on the sample model.
    private static final double BFLOAT16_TOLERANCE = 0.5;

    @BeforeAll
    static void needsGpu() {
        CudaDevice.assumeThere();
    }

    @ParameterizedTest
    @FieldSource("org.sparkqwen.engine.testing.Golden#MODELS")
    void logProbabilitiesAndGreedyTokensAreThoseOfTransformers(String model) {
        JsonNode golden =
                Golden.read(Golden.DIRECTORY.resolve("models").resolve(model).resolve("golden.json"));
        double worst = 0;
        try (Engine engine = open(model, Precision.FLOAT32, 2048)) {
            for (JsonNode sequence : golden.get("sequences")) {
                int[] ids = Golden.ints(sequence.get("ids"));
                double[] nll = Golden.doubles(sequence.get("nll"));
                Result.Scored scored = Golden.scored(engine, ids, Golden.unprefixed(1024, 1024));
                for (int i = 0; i < nll.length; i++) {
                    double ours = -scored.score().tokenLogProbabilities()[i + 1];
                    assertThat(ours)
                            .as("token %d of %d", i + 1, ids.length)
                            .isCloseTo(nll[i], within(Golden.NLL_TOLERANCE));
                    worst = Math.max(worst, Math.abs(ours - nll[i]));
                }
            }
            for (JsonNode continuation : golden.get("greedy")) {
                int[] expected = Golden.ints(continuation.get("tokens"));
                assertThat(Golden.greedyPastEndOfText(engine, Golden.ints(continuation.get("prompt")), expected.length))
                        .containsExactly(expected);
            }
        }
        System.out.printf("%s on CUDA: at most %.3g nats from transformers%n", model, worst);
    }

    /// This is the figure of docs/numerics.md.
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void smallModelIsNearTransformers(Precision precision) {
        double tolerance = precision == Precision.FLOAT32 ? Golden.NLL_TOLERANCE : BFLOAT16_TOLERANCE;
        double worst = 0;
        double sum = 0;
        int count = 0;
        try (Engine engine = small(precision, 4096)) {
            for (JsonNode document : golden().get("documents")) {
                if (!document.has("nll")) {
                    continue;
                }
                int[] ids = Golden.ints(document.get("ids"));
                double[] nll = Golden.doubles(document.get("nll"));
                if (ids.length > 1024) {
                    continue;
                }
                Result.Scored scored = Golden.scored(engine, ids, Golden.unprefixed(1024, 512));
                for (int i = 0; i < nll.length; i++) {
                    double difference = Math.abs(-scored.score().tokenLogProbabilities()[i + 1] - nll[i]);
                    assertThat(difference).isLessThanOrEqualTo(tolerance);
                    worst = Math.max(worst, difference);
                    sum += difference;
                    count++;
                }
            }
        }
        System.out.printf(
                "tiny-qwen3 on CUDA, %s: at most %.3g nats from transformers, %.3g in the mean of %,d tokens%n",
                precision, worst, sum / count, count);
    }

    @Test
    void smallModelContinuesPromptsAsTransformersDoes() {
        try (Engine engine = small(Precision.FLOAT32, 4096)) {
            for (JsonNode continuation : golden().get("greedy")) {
                int[] expected = Golden.ints(continuation.get("tokens"));
                assertThat(Golden.greedyPastEndOfText(engine, Golden.ints(continuation.get("ids")), expected.length))
                        .containsExactly(expected);
            }
        }
    }

    /// Integers of 8 and 4 bits give nearly what the processor computes with them.
    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT4"})
    void integerWeightsAreThoseOfTheProcessor(WeightEncoding encoding) {
        List<Request.Score> documents = documents(new Random(SEED), 12, 600);
        Map<Long, double[]> expected = new HashMap<>();
        try (Engine engine = Engine.open(
                Golden.SMALL_MODEL, Golden.options(KernelChoice.AUTO, 8, 4096).withWeights(encoding))) {
            expected.putAll(values(engine, documents));
        }
        try (Engine engine = Engine.open(
                Golden.SMALL_MODEL,
                Golden.options(CudaDevice.choice(Precision.FLOAT32), 2, 4096).withWeights(encoding))) {
            values(engine, documents)
                    .forEach((id, values) -> assertThat(values).containsExactly(expected.get(id), within(2e-4)));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void scoresHaveTheSameBitsInAnyBatchAndAlone(Precision precision) {
        Random random = new Random(SEED);
        List<Request.Score> documents = documents(random, 150, 900);
        Map<Long, List<Long>> expected;
        try (Engine engine = small(precision, 16384)) {
            expected = bits(engine, documents);
        }
        for (int batchTokens : new int[] {1, 333, 2048}) {
            List<Request.Score> shuffled = new ArrayList<>(documents);
            Collections.shuffle(shuffled, random);
            try (Engine engine = small(precision, batchTokens)) {
                assertThat(bits(engine, shuffled))
                        .as("batches of %d", batchTokens)
                        .isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "BFLOAT16"})
    void textsAndTheirLogProbabilitiesHaveTheSameBitsInAnyBatchAndAlone(Precision precision) {
        List<Request.Generate> prompts = prompts(new Random(SEED), 300, 24);
        Map<Long, List<Object>> expected;
        try (Engine engine = generating(precision, 8192, 300, KeyValueFormat.F32)) {
            expected = texts(engine, prompts);
        }
        assertThat(expected).hasSize(300);
        try (Engine engine = generating(precision, 100, 7, KeyValueFormat.F32)) {
            List<Request.Generate> some = new ArrayList<>(prompts.subList(0, 40));
            Collections.reverse(some);
            texts(engine, some)
                    .forEach((id, text) -> assertThat(text).as("text %d", id).isEqualTo(expected.get(id)));
        }
        try (Engine engine = generating(precision, 64, 1, KeyValueFormat.F32)) {
            for (Request.Generate prompt : prompts.subList(0, 8)) {
                texts(engine, List.of(prompt))
                        .forEach(
                                (id, text) -> assertThat(text).as("text %d", id).isEqualTo(expected.get(id)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "INT8"})
    void otherFormatsOfTheCacheGiveTextsToo(KeyValueFormat format) {
        List<Request.Generate> prompts = prompts(new Random(SEED), 20, 16);
        Map<Long, List<Object>> expected;
        try (Engine engine = generating(Precision.FLOAT32, 2048, 20, format)) {
            expected = texts(engine, prompts);
        }
        try (Engine engine = generating(Precision.FLOAT32, 77, 3, format)) {
            assertThat(texts(engine, prompts)).isEqualTo(expected);
        }
    }

    /// A log-probability of a generated token is that of scoring it, to the bit.
    @Test
    void generatedTokensAreScoredWithTheSameBits() {
        int[] prompt = Golden.ints(golden().get("greedy").get(0).get("ids"));
        try (Engine engine = small(Precision.FLOAT32, 4096)) {
            Result.Generated generated = Golden.generated(engine, prompt, Golden.greedy(40));
            int[] all = IntStream.concat(
                            Arrays.stream(prompt), generated.tokens().stream().mapToInt(Integer::intValue))
                    .toArray();
            double[] scored = Golden.scored(engine, all, Golden.unprefixed(1024, 1024))
                    .score()
                    .tokenLogProbabilities();
            for (int i = 0; i < generated.tokens().size(); i++) {
                assertThat(generated.logProbabilities().get(i)).isEqualTo(scored[prompt.length + i]);
            }
        }
    }

    /// Masks of a constraint leave the allowed tokens alone, and do not change what they are worth.
    @Test
    void constrainedTextsMatchAndHaveTheSameBitsAlone() {
        String date = "(January|June|July), (1[0-9]|2[0-8]) [12][0-9]{3}( A\\.D\\.)?";
        String schema = "{\"type\": \"object\", \"additionalProperties\": false, \"properties\":"
                + " {\"stars\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 5}}, \"required\": [\"stars\"]}";
        GenerationParams hot = Golden.sampled(100, 1.5, 3);
        Content content = new Content.Text("The state of the Union is", SpecialTokens.TEXT);
        try (Engine engine = small(Precision.FLOAT32, 4096)) {
            List<Request.Generate> prompts = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                Constraint constraint = i % 2 == 0 ? new Constraint.Regex(date) : new Constraint.JsonSchema(schema);
                prompts.add(new Request.Generate(i, content, i, hot.withConstraint(constraint)));
            }
            for (Result result : Golden.all(engine.generate(prompts.iterator()))) {
                String text = String.valueOf(((Result.Generated) result).text());
                assertThat(text).matches(result.id() % 2 == 0 ? date : "\\{\\s*\"stars\"\\s*:\\s*[1-5]\\s*\\}");
            }
            Map<Long, List<Object>> together = texts(engine, prompts);
            for (Request.Generate prompt : prompts.subList(0, 6)) {
                texts(engine, List.of(prompt))
                        .forEach((id, text) -> assertThat(text).isEqualTo(together.get(id)));
            }
        }
    }

    /// A caller that leaves while a batch is computed, and one whose engine is closed meanwhile.
    @Test
    void runsMayEndWhileABatchIsComputed() {
        List<Request.Score> documents = documents(new Random(SEED), 40, 300);
        Iterator<Result> late;
        try (Engine engine = small(Precision.FLOAT32, 512)) {
            Map<Long, List<Long>> expected = bits(engine, documents);
            for (int i = 0; i < 20; i++) {
                engine.score(documents.iterator()).next(); // and no further
            }
            assertThat(bits(engine, documents)).isEqualTo(expected);
            late = engine.score(documents.iterator());
            late.next();
        }
        assertThatThrownBy(() -> Golden.all(late)).isInstanceOf(IllegalStateException.class);
    }

    /// A window of 32,768 tokens is one pass, and its bits do not depend on how many tokens share the batch.
    @Test
    void longestWindowHasTheSameBitsBesideOthers() {
        int context = 32_768;
        Random random = new Random(SEED);
        EngineOptions options = Golden.options(CudaDevice.choice(Precision.BFLOAT16), 4, 2 * context);
        try (Engine engine = Engine.random(PublishedShape.of("0.6b").config(2), options)) {
            int vocabulary = engine.config().vocabSize();
            ScoringOptions window = Golden.unprefixed(context, context);
            Request.Score longest =
                    Golden.score(0, random.ints(context, 0, vocabulary).toArray(), window);
            Request.Score other =
                    Golden.score(1, random.ints(5000, 0, vocabulary).toArray(), window);
            Map<Long, List<Long>> alone = bits(engine, List.of(longest));
            assertThat(values(engine, List.of(longest)).get(0L))
                    .hasSize(context - 1)
                    .doesNotContain(Double.NaN);
            assertThat(bits(engine, List.of(other, longest)).get(0L)).isEqualTo(alone.get(0L));
        }
    }

    /// Many random batches give the same bits, and the device's memory stays what it is.
    @Test
    void manyRandomBatchesHaveTheSameBitsAndTakeNoMemory() {
        Random random = new Random(SEED);
        List<Request.Score> documents = documents(random, 64, 200);
        long end = System.nanoTime() + Long.getLong("cuda.soak.seconds", 10) * 1_000_000_000L;
        int most = Integer.getInteger("cuda.soak.batches", 10_000);
        try (Engine engine = small(Precision.FLOAT32, 16384)) {
            Map<Long, List<Long>> expected = bits(engine, documents);
            long before = engine.deviceUse().orElseThrow().allocatedBytes();
            int batches = 0;
            while (batches < most && System.nanoTime() < end) {
                List<Request.Score> some = new ArrayList<>(documents);
                Collections.shuffle(some, random);
                bits(engine, some.subList(0, 1 + random.nextInt(some.size())))
                        .forEach((id, bits) -> assertThat(bits).isEqualTo(expected.get(id)));
                batches++;
            }
            long after = engine.deviceUse().orElseThrow().allocatedBytes();
            System.out.printf(
                    "%,d random batches had equal bits; device memory %,d then %,d bytes%n", batches, before, after);
            assertThat(after).isEqualTo(before);
        }
    }

    private static List<Request.Score> documents(Random random, int count, int most) {
        List<Request.Score> documents = new ArrayList<>();
        int vocabulary = 4096;
        ScoringOptions options = Golden.unprefixed(1024, 512);
        for (int i = 0; i < count; i++) {
            int[] ids = random.ints(2 + random.nextInt(most), 0, vocabulary).toArray();
            documents.add(new Request.Score(
                    i,
                    null,
                    new Content.Tokens(ids),
                    options,
                    i % 3 == 0 ? new ScoreDetails(true, 2) : ScoreDetails.NONE));
        }
        return documents;
    }

    private static List<Request.Generate> prompts(Random random, int count, int newTokens) {
        List<Request.Generate> prompts = new ArrayList<>();
        SamplingParams sampled = new SamplingParams(0.9, 50, 0.95, 0.01, new Penalties(1.1, 0.1, 0.05), Map.of(), 11);
        int[] common = random.ints(70, 0, 4096).toArray();
        for (int i = 0; i < count; i++) {
            int[] own = random.ints(1 + random.nextInt(60), 0, 4096).toArray();
            int[] ids = i % 3 == 0
                    ? IntStream.concat(Arrays.stream(common), Arrays.stream(own))
                            .toArray()
                    : own;
            SamplingParams sampling = i % 2 == 0 ? SamplingParams.GREEDY : sampled;
            prompts.add(Golden.generate(i, ids, new GenerationParams(sampling, Ending.after(newTokens))));
        }
        return prompts;
    }

    private static Map<Long, List<Long>> bits(Engine engine, List<Request.Score> documents) {
        Map<Long, List<Long>> bits = new HashMap<>();
        for (Result result : Golden.all(engine.score(documents.iterator()))) {
            Result.Scored scored = (Result.Scored) result;
            bits.put(
                    result.id(),
                    Arrays.stream(scored.score().tokenLogProbabilities())
                            .mapToObj(Double::doubleToRawLongBits)
                            .toList());
        }
        return bits;
    }

    private static Map<Long, double[]> values(Engine engine, List<Request.Score> documents) {
        Map<Long, double[]> values = new HashMap<>();
        for (Result result : Golden.all(engine.score(documents.iterator()))) {
            double[] of = ((Result.Scored) result).score().tokenLogProbabilities();
            values.put(result.id(), Arrays.copyOfRange(of, 1, of.length));
        }
        return values;
    }

    private static Map<Long, List<Object>> texts(Engine engine, List<Request.Generate> prompts) {
        Map<Long, List<Object>> texts = new HashMap<>();
        for (Result result : Golden.all(engine.generate(prompts.iterator()))) {
            Result.Generated generated = (Result.Generated) result;
            texts.put(result.id(), List.of(generated.tokens(), generated.logProbabilities()));
        }
        return texts;
    }

    private static JsonNode golden() {
        return Golden.read(Golden.DIRECTORY.resolve("tiny.json"));
    }

    private static Engine open(String model, Precision precision, int batchTokens) {
        return Engine.open(
                Golden.DIRECTORY.resolve("models").resolve(model),
                Golden.options(CudaDevice.choice(precision), 2, batchTokens));
    }

    private static Engine small(Precision precision, int batchTokens) {
        return Engine.open(Golden.SMALL_MODEL, Golden.options(CudaDevice.choice(precision), 4, batchTokens));
    }

    private static Engine generating(Precision precision, int batchTokens, int sequences, KeyValueFormat format) {
        KernelChoice choice = CudaDevice.choice(precision).on(Device.cuda(0));
        return Engine.open(
                Golden.SMALL_MODEL,
                new EngineOptions(choice, 4, batchTokens, sequences)
                        .withKeyValues(new KeyValueOptions(format, 1L << 30)));
    }
}
