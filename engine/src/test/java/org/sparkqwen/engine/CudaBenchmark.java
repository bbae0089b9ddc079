package org.sparkqwen.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.IntConsumer;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.family.PublishedShape;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.sizing.DeviceMemory;
import org.sparkqwen.engine.testing.CudaDevice;
import org.sparkqwen.engine.testing.Golden;

/// Measures how fast a GPU scores and generates with random weights of published sizes. Arguments are
/// `SHAPE[@LAYERS]:PRECISION[:WEIGHTS]`, such as `4b:float32` or `30b-a3b@8:bfloat16:int8`.
///
/// Documents have 512 tokens, and every token's log-probability is computed by one caller. Texts are continued from
/// prompts of 64 tokens by 64 more. Beside the speed, each line has the share of the time in which the GPU had work,
/// and the share in which the host's thread did not wait for it, because it had work of its own.
public final class CudaBenchmark {
    private static final int DOCUMENT = 512;
    private static final int BATCH_TOKENS = Integer.getInteger("cuda.batch.tokens", DeviceMemory.MOST_BATCH_TOKENS);
    private static final int BATCHES = Integer.getInteger("cuda.batches", 8);
    private static final List<Integer> TEXTS = List.of(256, 64, 8, 1);
    private static final int PROMPT = 64;
    private static final int OUTPUT = 64;
    private static final int ROUNDS = 4;
    private static final long CACHE_BYTES = 24L << 30;

    private CudaBenchmark() {}

    public static void main(String[] arguments) {
        for (String argument : arguments) {
            String[] parts = argument.split(":", -1);
            String[] shape = parts[0].split("@", -1);
            PublishedShape published = PublishedShape.of(shape[0]);
            int layers = shape.length > 1 ? Integer.parseInt(shape[1]) : published.layers();
            WeightEncoding weights = parts.length > 2
                    ? WeightEncoding.valueOf(parts[2].toUpperCase(Locale.ROOT))
                    : WeightEncoding.STORED;
            run(argument, published.config(layers), Precision.of(parts[1]), weights);
        }
    }

    private static void run(String name, ModelConfig config, Precision precision, WeightEncoding weights) {
        EngineOptions options = new EngineOptions(CudaDevice.choice(precision), 8, BATCH_TOKENS, TEXTS.getFirst())
                .withWeights(weights)
                .withKeyValues(new KeyValueOptions(
                        precision == Precision.FLOAT32 ? KeyValueFormat.F32 : KeyValueFormat.BF16, CACHE_BYTES));
        long start = System.nanoTime();
        try (Engine engine = Engine.random(config, options)) {
            int vocabulary = engine.config().vocabSize();
            System.out.printf("%s: made in %.1f s%n", name, (System.nanoTime() - start) / 1e9);
            List<Request.Score> documents = new ArrayList<>();
            Random random = new Random(1);
            for (int i = 0; i < BATCHES * BATCH_TOKENS / DOCUMENT; i++) {
                documents.add(Golden.score(
                        i, random.ints(DOCUMENT, 0, vocabulary).toArray(), Golden.unprefixed(DOCUMENT, DOCUMENT)));
            }
            rounds("score", engine, (long) documents.size() * DOCUMENT, _ -> {
                Golden.all(engine.score(documents.iterator())).forEach(CudaBenchmark::check);
            });
            List<Request.Score> detailed = documents.stream()
                    .map(each -> new Request.Score(
                            each.id(), null, each.content(), each.options(), new ScoreDetails(true, 0)))
                    .toList();
            rounds("score with entropies", engine, (long) documents.size() * DOCUMENT, _ -> {
                Golden.all(engine.score(detailed.iterator())).forEach(CudaBenchmark::check);
            });
            for (int texts : TEXTS) {
                rounds("new tokens, %d texts".formatted(texts), engine, (long) texts * OUTPUT, round -> {
                    List<Request.Generate> prompts = new ArrayList<>();
                    Random fresh = new Random(100 * texts + round);
                    for (int i = 0; i < texts; i++) {
                        prompts.add(Golden.generate(
                                i, fresh.ints(PROMPT, 0, vocabulary).toArray(), Golden.greedy(OUTPUT)));
                    }
                    Golden.all(engine.generate(prompts.iterator())).forEach(CudaBenchmark::check);
                });
            }
            DeviceUse use = engine.deviceUse().orElseThrow();
            System.out.printf("  the device's memory has %,d MiB of this engine%n", use.allocatedBytes() >> 20);
        }
    }

    private static void rounds(String what, Engine engine, long tokens, IntConsumer work) {
        StringBuilder line = new StringBuilder("  %-22s".formatted(what));
        for (int round = 0; round < ROUNDS; round++) {
            DeviceUse before = engine.deviceUse().orElseThrow();
            long start = System.nanoTime();
            work.accept(round);
            long nanos = System.nanoTime() - start;
            DeviceUse after = engine.deviceUse().orElseThrow();
            line.append(" %,9.0f/s (device %.0f %%, host %.1f %%)"
                    .formatted(
                            tokens * 1e9 / nanos,
                            100.0 * (after.busyNanos() - before.busyNanos()) / nanos,
                            100.0 * (nanos - (after.waitedNanos() - before.waitedNanos())) / nanos));
        }
        System.out.println(line);
    }

    private static void check(Result result) {
        if (result instanceof Result.Rejected rejected) {
            throw new IllegalStateException(rejected.reason());
        }
    }
}
