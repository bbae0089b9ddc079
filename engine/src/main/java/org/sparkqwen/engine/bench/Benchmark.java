package org.sparkqwen.engine.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.measure.MachinePeak;
import org.sparkqwen.engine.kernels.measure.Work;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.EmbeddingRun;
import org.sparkqwen.engine.run.GenerationLoop;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.run.LoadedModel;
import org.sparkqwen.engine.run.ScoringRun;
import org.sparkqwen.engine.sampling.Ending;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.sampling.SamplingParams;
import org.sparkqwen.engine.scoring.ScoreDetails;
import org.sparkqwen.engine.scoring.ScoringOptions;
import org.sparkqwen.engine.scoring.Windows;

/// Measures how fast an engine scores, embeds and generates, and which share of the machine's peak that is.
///
/// Each measurement repeats one round of work on random token ids. Rounds of warm-up come first, until the JVM has
/// compiled the code. Between the rounds that count, bursts measure the most that the machine can do. Where many tokens
/// share the weights, bursts also run amid the work, because the machine may have other users, and a share is true only
/// of the same seconds.
public final class Benchmark {
    /// The number of tokens of a prompt from which texts are generated.
    public static final int PROMPT_TOKENS = 64;

    /// The number of tokens that continue each text.
    public static final int OUTPUT_TOKENS = 32;

    /// The number of labels that may follow a prompt of [Part#CLASSIFY].
    public static final int LABELS = 4;

    private static final int LEAST_ROUNDS = 3;

    /// The least time of a warm-up, because a JVM compiles for some ten seconds, and until then rounds become
    /// faster.
    private static final Duration LEAST_WARM_UP = Duration.ofSeconds(10);

    /// The factor that ends a warm-up: it is over when a round is no faster than this factor times the best before.
    private static final double SETTLED = 1.02;

    private static final int BURSTS = 5;
    private static final long SEED = 20_260_101;

    /// The parts of a benchmark.
    public enum Part {
        /// Scoring of whole documents: the logits of all tokens are reduced to a log-probability.
        SCORE,
        /// Scoring with entropies. Its rounds take turns with those of [#SCORE], so that both are of the same
        /// minutes.
        ENTROPY,
        /// Classification of prompts as long as documents, with the logits of [#LABELS] labels of one token.
        CLASSIFY,
        /// Embedding of whole documents, without logits.
        EMBED,
        /// Prefill of prompts as long as documents, with the logits of the last token alone.
        PREFILL,
        /// Decode of continuations, with one token of each text in a step.
        DECODE;

        /// The parts that are measured if nobody chooses.
        public static final Set<Part> USUAL = Set.of(SCORE, PREFILL, DECODE);
    }

    /// The settings of a benchmark: what is measured, and for how long.
    ///
    /// @param documentTokens tokens of a document, and of a prompt of [Part#PREFILL]; at least 2
    /// @param sequences number of texts that are generated at the same time, for each measurement of [Part#DECODE]
    /// @param time duration of each measurement, warm-up included. A round that has begun is completed, and at
    ///     least one round of warm-up and three that count are run, however long they take
    public record Settings(int documentTokens, List<Integer> sequences, Set<Part> parts, Duration time) {
        public Settings {
            if (documentTokens < 2) {
                throw new IllegalArgumentException("document-tokens must be at least 2, not " + documentTokens);
            }
            if (sequences.isEmpty() || sequences.stream().anyMatch(count -> count < 1)) {
                throw new IllegalArgumentException("sequences must be numbers of at least 1, not " + sequences);
            }
            if (parts.isEmpty()) {
                throw new IllegalArgumentException("nothing to measure");
            }
            if (!time.isPositive()) {
                throw new IllegalArgumentException("seconds must be above 0, not " + time.toNanos() / 1e9);
            }
        }

        /// The number of texts that an engine must be able to generate at the same time.
        ///
        /// @param batchTokens tokens of the engine's batches
        public int mostSequences(int batchTokens) {
            return Math.max(largestDecode(), documents(batchTokens));
        }

        private int largestDecode() {
            return parts.contains(Part.DECODE)
                    ? sequences.stream().mapToInt(Integer::intValue).max().orElseThrow()
                    : 0;
        }

        /// The number of documents of a batch.
        private int documents(int batchTokens) {
            return Math.max(1, batchTokens / documentTokens);
        }
    }

    /// The progress of a benchmark, for people who watch it.
    public interface Progress {
        /// Reports that the machine's own peaks are measured now, for about a second.
        void machine();

        /// Reports that a round has ended.
        ///
        /// @param warmUp whether the round is not counted
        /// @param round the round's number, from 1
        void round(Part part, int sequences, boolean warmUp, int round, double tokensPerSecond);
    }

    private final LoadedModel model;
    private final Settings settings;
    private final Progress progress;
    private final int documents;

    /// @throws IllegalArgumentException if the engine's model or options are too small for `settings`
    /// @throws InvalidModelException if it has no head, and more than [Part#EMBED] is measured
    public Benchmark(LoadedModel model, Settings settings, Progress progress) {
        if (!settings.parts().equals(Set.of(Part.EMBED))) {
            model.config().requireHead();
        }
        int context = model.config().maxPositions();
        // A prompt must leave room for a token.
        int longest = Math.max(settings.documentTokens() + 1, PROMPT_TOKENS + OUTPUT_TOKENS);
        if (longest > context) {
            throw new IllegalArgumentException("document-tokens %,d: %,d positions are needed, the model has %,d"
                    .formatted(settings.documentTokens(), longest, context));
        }
        int batchTokens = model.options().batchTokens();
        int texts = settings.mostSequences(batchTokens);
        if (model.options().maxSequences() < texts) {
            throw new IllegalArgumentException("max-sequences must be at least %,d, not %,d"
                    .formatted(texts, model.options().maxSequences()));
        }
        int prompts = settings.largestDecode() * PROMPT_TOKENS;
        if (prompts > batchTokens) {
            throw new IllegalArgumentException("sequences %,d: their prompts are %,d tokens, more than batch-tokens %,d"
                    .formatted(settings.largestDecode(), prompts, batchTokens));
        }
        this.model = model;
        this.settings = settings;
        this.progress = progress;
        documents = settings.documents(batchTokens);
    }

    /// Runs all measurements.
    public BenchmarkResult run() {
        List<Double> core = new ArrayList<>();
        List<Double> flops = new ArrayList<>();
        List<Double> readBytes = new ArrayList<>();
        List<Measurement> measurements = new ArrayList<>();
        try (MachinePeak peak = new MachinePeak(model.options().threads(), burst())) {
            measureMachine(peak, core, flops, readBytes);
            for (Part part : Part.values()) {
                if (settings.parts().contains(part)) {
                    measurements.addAll(measure(part, peak));
                }
            }
            for (Measurement measurement : measurements) {
                flops.addAll(measurement.flops().values());
                readBytes.addAll(measurement.readBytes().values());
            }
            measureMachine(peak, core, flops, readBytes);
        }
        return new BenchmarkResult(new Samples(core), new Samples(flops), new Samples(readBytes), measurements);
    }

    /// Returns how long a burst takes: less than usual only if everything is measured for a moment.
    private Duration burst() {
        Duration tenth = settings.time().dividedBy(10);
        return tenth.compareTo(MachinePeak.BURST) < 0 ? tenth : MachinePeak.BURST;
    }

    private void measureMachine(MachinePeak peak, List<Double> core, List<Double> flops, List<Double> readBytes) {
        progress.machine();
        for (int i = 0; i < BURSTS; i++) {
            core.add(peak.coreFlops());
            flops.add(peak.flops());
            readBytes.add(peak.readBytes());
        }
    }

    private List<Measurement> measure(Part part, MachinePeak peak) {
        return switch (part) {
            case SCORE, ENTROPY -> measureScoring(part, peak);
            case CLASSIFY -> List.of(measure(part, documents, peak, () -> probed(this::classify)));
            case EMBED -> List.of(measure(part, documents, peak, () -> probed(this::embed)));
            case PREFILL -> List.of(measurePrefill(peak));
            case DECODE ->
                settings.sequences().stream()
                        .map(count -> measureDecoding(count, peak))
                        .toList();
        };
    }

    /// Measures a part of scoring. If both are wanted, the first of them measures both.
    private List<Measurement> measureScoring(Part part, MachinePeak peak) {
        if (!settings.parts().containsAll(Set.of(Part.SCORE, Part.ENTROPY))) {
            return List.of(measure(part, documents, peak, scoring(part)));
        }
        return part == Part.SCORE ? measureInTurns(peak) : List.of();
    }

    private Supplier<Measurement.Round> scoring(Part part) {
        ScoreDetails details = new ScoreDetails(part == Part.ENTROPY, 0);
        return () -> probed(() -> score(details));
    }

    private List<Measurement> measureInTurns(MachinePeak peak) {
        Supplier<Measurement.Round> plain = scoring(Part.SCORE);
        Supplier<Measurement.Round> detailed = scoring(Part.ENTROPY);
        long start = System.nanoTime();
        long time = 2 * settings.time().toNanos();
        warmUp(Part.SCORE, documents, plain);
        warmUp(Part.ENTROPY, documents, detailed);
        List<Measurement.Round> plainRounds = new ArrayList<>();
        List<Measurement.Round> detailedRounds = new ArrayList<>();
        List<Double> flops = new ArrayList<>(List.of(peak.flops()));
        List<Double> readBytes = new ArrayList<>(List.of(peak.readBytes()));
        while (plainRounds.size() < LEAST_ROUNDS || System.nanoTime() - start < time) {
            plainRounds.add(plain.get());
            detailedRounds.add(detailed.get());
            flops.add(peak.flops());
            readBytes.add(peak.readBytes());
            double rate = detailedRounds.getLast().tokensPerSecond();
            progress.round(Part.ENTROPY, documents, false, detailedRounds.size(), rate);
        }
        Samples peaks = new Samples(flops);
        Samples reading = new Samples(readBytes);
        return List.of(
                new Measurement(Part.SCORE, documents, plainRounds, peaks, reading),
                new Measurement(Part.ENTROPY, documents, detailedRounds, peaks, reading));
    }

    private Measurement measurePrefill(MachinePeak peak) {
        AtomicInteger rounds = new AtomicInteger();
        try (GenerationLoop loop = new GenerationLoop(model)) {
            return measure(Part.PREFILL, documents, peak, () -> probed(() -> prefill(loop, rounds.getAndIncrement())));
        }
    }

    /// Runs all rounds with one cache, as an engine has one. The system hands out its memory in the warm-up.
    private Measurement measureDecoding(int sequences, MachinePeak peak) {
        try (GenerationLoop loop = new GenerationLoop(model)) {
            return measure(Part.DECODE, sequences, peak, () -> decode(loop, sequences));
        }
    }

    private Measurement measure(Part part, int sequences, MachinePeak peak, Supplier<Measurement.Round> work) {
        long start = System.nanoTime();
        long time = settings.time().toNanos();
        warmUp(part, sequences, work);
        List<Measurement.Round> rounds = new ArrayList<>();
        List<Double> flops = new ArrayList<>(List.of(peak.flops()));
        List<Double> readBytes = new ArrayList<>(List.of(peak.readBytes()));
        while (rounds.size() < LEAST_ROUNDS || System.nanoTime() - start < time) {
            Measurement.Round round = work.get();
            rounds.add(round);
            flops.add(peak.flops());
            readBytes.add(peak.readBytes());
            progress.round(part, sequences, false, rounds.size(), round.tokensPerSecond());
        }
        return new Measurement(part, sequences, rounds, new Samples(flops), new Samples(readBytes));
    }

    /// Warms up until rounds become no faster and the compiler had its time, but no longer than half of the
    /// available time.
    private void warmUp(Part part, int sequences, Supplier<Measurement.Round> work) {
        long start = System.nanoTime();
        long most = settings.time().dividedBy(2).toNanos();
        long least = Math.min(most, LEAST_WARM_UP.toNanos());
        double best = 0;
        boolean settled = false;
        for (int round = 1; !settled; round++) {
            double rate = work.get().tokensPerSecond();
            long elapsed = System.nanoTime() - start;
            settled = elapsed >= most || (elapsed >= least && rate < best * SETTLED);
            best = Math.max(best, rate);
            progress.round(part, sequences, true, round, rate);
        }
    }

    /// Runs a round with bursts amid the work. Decode has none, because it is limited by memory, and the
    /// multiply-adds of its rounds say little.
    private Measurement.Round probed(Supplier<Measurement.Round> work) {
        model.kernels().measurePeak(true);
        try {
            return work.get();
        } finally {
            model.kernels().measurePeak(false);
        }
    }

    private Measurement.Round score(ScoreDetails details) {
        ScoringOptions options = new ScoringOptions(
                new Windows.Strided(settings.documentTokens(), settings.documentTokens()),
                ScoringOptions.Prefix.NONE,
                ScoringOptions.DEFAULT_MIN_K);
        List<Request.Score> requests = contents(SEED, documents, settings.documentTokens()).stream()
                .map(content -> new Request.Score(0, null, content, options, details))
                .toList();
        Clock clock = new Clock();
        new ScoringRun(model, requests.iterator(), (_, _, _) -> {}).forEachRemaining(Benchmark::refuseRejected);
        return clock.round((long) documents * settings.documentTokens());
    }

    /// Scores labels as continuations of prompts, as `ClassificationRun` does. That class needs texts, and so a
    /// tokenizer.
    private Measurement.Round classify() {
        ScoringOptions options = new ScoringOptions(
                new Windows.Rolling(settings.documentTokens()),
                ScoringOptions.Prefix.NONE,
                ScoringOptions.DEFAULT_MIN_K);
        List<Request.Score> requests = contents(SEED, documents, settings.documentTokens()).stream()
                .flatMap(prompt -> IntStream.range(0, LABELS)
                        .mapToObj(
                                label -> new Request.Score(0, prompt, new Content.Tokens(new int[] {label}), options)))
                .toList();
        Clock clock = new Clock();
        new ScoringRun(model, requests.iterator(), (_, _, _) -> {}).forEachRemaining(Benchmark::refuseRejected);
        return clock.round((long) documents * settings.documentTokens());
    }

    private Measurement.Round embed() {
        int width = model.config().hiddenSize();
        List<Request.Embed> requests = contents(SEED, documents, settings.documentTokens()).stream()
                .map(content -> new Request.Embed(0, content, settings.documentTokens(), width))
                .toList();
        Clock clock = new Clock();
        new EmbeddingRun(model, requests.iterator()).forEachRemaining(Benchmark::refuseRejected);
        return clock.round((long) documents * settings.documentTokens());
    }

    /// Computes the prompts of a round, which has prompts of its own because the KV cache would hold the computed
    /// ones of the round before.
    private Measurement.Round prefill(GenerationLoop loop, int round) {
        List<Request.Generate> requests = prompts(SEED + 1 + round, documents, settings.documentTokens(), 1);
        Clock clock = new Clock();
        try (GenerationRun run = GenerationRun.open(model, loop, requests.iterator(), () -> false, _ -> {})) {
            run.forEachRemaining(Benchmark::refuseRejected);
        }
        return clock.round((long) documents * settings.documentTokens());
    }

    private Measurement.Round decode(GenerationLoop loop, int sequences) {
        List<Request.Generate> requests = prompts(SEED, sequences, PROMPT_TOKENS, OUTPUT_TOKENS);
        try (GenerationRun run = GenerationRun.open(model, loop, requests.iterator(), () -> false, _ -> {})) {
            run.feed();
            loop.step(); // all prompts, and with them the first token of each text
            Clock clock = new Clock();
            boolean more = loop.step();
            while (more) {
                more = loop.step();
            }
            long tokens = 0;
            while (run.hasNext()) {
                tokens += refuseRejected(run.next());
            }
            return clock.round(tokens - sequences);
        }
    }

    /// The clock and the engine's work at the start of a round.
    private final class Clock {
        private final Work work = model.kernels().work();
        private final long start = System.nanoTime();

        Measurement.Round round(long tokens) {
            long nanos = System.nanoTime() - start;
            return new Measurement.Round(tokens, nanos, model.kernels().work().since(work));
        }
    }

    private List<Request.Generate> prompts(long seed, int count, int tokens, int outputs) {
        GenerationParams greedy = new GenerationParams(SamplingParams.GREEDY, Ending.after(outputs));
        return contents(seed, count, tokens).stream()
                .map(content -> new Request.Generate(0, content, 0, greedy))
                .toList();
    }

    /// Makes texts of random ids, the same for the same seed.
    private List<Content> contents(long seed, int count, int tokens) {
        Random random = new Random(seed);
        return IntStream.range(0, count)
                .<Content>mapToObj(i -> new Content.Tokens(
                        random.ints(tokens, 0, model.config().vocabSize()).toArray()))
                .toList();
    }

    /// @return number of tokens that were generated
    /// @throws IllegalStateException if the model does not give finite numbers
    private static int refuseRejected(Result result) {
        return switch (result) {
            case Result.Scored _, Result.Classified _, Result.Embedded _ -> 0;
            case Result.Generated generated -> generated.tokens().size();
            case Result.Rejected rejected ->
                throw new IllegalStateException("nothing can be measured: " + rejected.reason());
        };
    }
}
