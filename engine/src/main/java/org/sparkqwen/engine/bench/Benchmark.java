package org.sparkqwen.engine.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.sparkqwen.engine.kernels.measure.MachinePeak;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.run.GenerationLoop;
import org.sparkqwen.engine.run.LoadedModel;
import org.sparkqwen.engine.scoring.ScoreDetails;

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
    private final Workload workload;

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
        workload = new Workload(model, documents, settings.documentTokens());
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
            case CLASSIFY -> measure(part, documents, peak, () -> probed(workload::classify));
            case EMBED -> measure(part, documents, peak, () -> probed(workload::embed));
            case PREFILL -> measurePrefill(peak);
            case DECODE ->
                settings.sequences().stream()
                        .flatMap(count -> measureDecoding(count, peak).stream())
                        .toList();
        };
    }

    /// Measures a part of scoring. If both are wanted, the first of them measures both.
    private List<Measurement> measureScoring(Part part, MachinePeak peak) {
        if (!settings.parts().containsAll(Set.of(Part.SCORE, Part.ENTROPY))) {
            return measure(part, documents, peak, scoring(part));
        }
        if (part == Part.ENTROPY) {
            return List.of();
        }
        SequencedMap<Part, Supplier<Measurement.Round>> both = new LinkedHashMap<>();
        both.put(Part.SCORE, scoring(Part.SCORE));
        both.put(Part.ENTROPY, scoring(Part.ENTROPY));
        return measureInTurns(both, documents, peak);
    }

    private Supplier<Measurement.Round> scoring(Part part) {
        ScoreDetails details = new ScoreDetails(part == Part.ENTROPY, 0);
        return () -> probed(() -> workload.score(details));
    }

    private List<Measurement> measurePrefill(MachinePeak peak) {
        AtomicInteger rounds = new AtomicInteger();
        try (GenerationLoop loop = new GenerationLoop(model)) {
            return measure(
                    Part.PREFILL,
                    documents,
                    peak,
                    () -> probed(() -> workload.prefill(loop, rounds.getAndIncrement())));
        }
    }

    /// Runs all rounds with one cache, as an engine has one. The system hands out its memory in the warm-up.
    private List<Measurement> measureDecoding(int sequences, MachinePeak peak) {
        try (GenerationLoop loop = new GenerationLoop(model)) {
            return measure(Part.DECODE, sequences, peak, () -> workload.decode(loop, sequences));
        }
    }

    private List<Measurement> measure(Part part, int sequences, MachinePeak peak, Supplier<Measurement.Round> work) {
        SequencedMap<Part, Supplier<Measurement.Round>> alone = new LinkedHashMap<>();
        alone.put(part, work);
        return measureInTurns(alone, sequences, peak);
    }

    /// Measures parts whose rounds take turns, so that all of them are of the same minutes.
    private List<Measurement> measureInTurns(
            SequencedMap<Part, Supplier<Measurement.Round>> works, int sequences, MachinePeak peak) {
        long start = System.nanoTime();
        long time = works.size() * settings.time().toNanos();
        works.forEach((part, work) -> warmUp(part, sequences, work));
        Map<Part, List<Measurement.Round>> rounds = new EnumMap<>(Part.class);
        List<Double> flops = new ArrayList<>(List.of(peak.flops()));
        List<Double> readBytes = new ArrayList<>(List.of(peak.readBytes()));
        for (int round = 1; round <= LEAST_ROUNDS || System.nanoTime() - start < time; round++) {
            double rate = 0;
            for (Map.Entry<Part, Supplier<Measurement.Round>> each : works.entrySet()) {
                Measurement.Round done = each.getValue().get();
                rounds.computeIfAbsent(each.getKey(), _ -> new ArrayList<>()).add(done);
                rate = done.tokensPerSecond();
            }
            flops.add(peak.flops());
            readBytes.add(peak.readBytes());
            progress.round(works.lastEntry().getKey(), sequences, false, round, rate);
        }
        Samples peaks = new Samples(flops);
        Samples reading = new Samples(readBytes);
        return works.keySet().stream()
                .map(part -> new Measurement(part, sequences, Objects.requireNonNull(rounds.get(part)), peaks, reading))
                .toList();
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
}
