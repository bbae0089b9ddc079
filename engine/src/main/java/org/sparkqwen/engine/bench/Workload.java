package org.sparkqwen.engine.bench;

import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.sparkqwen.engine.kernels.measure.Work;
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

/// The rounds of work that a benchmark repeats, on random token ids.
final class Workload {
    private static final long SEED = 20_260_101;

    private final LoadedModel model;
    private final int documents;
    private final int documentTokens;

    /// @param documents number of documents, and of prompts as long as documents, of a round
    Workload(LoadedModel model, int documents, int documentTokens) {
        this.model = model;
        this.documents = documents;
        this.documentTokens = documentTokens;
    }

    /// Scores a batch of documents.
    Measurement.Round score(ScoreDetails details) {
        ScoringOptions options = new ScoringOptions(
                new Windows.Strided(documentTokens, documentTokens),
                ScoringOptions.Prefix.NONE,
                ScoringOptions.DEFAULT_MIN_K);
        List<Request.Score> requests = contents(SEED, documents, documentTokens).stream()
                .map(content -> new Request.Score(0, null, content, options, details))
                .toList();
        Clock clock = new Clock();
        new ScoringRun(model, requests.iterator(), (_, _, _) -> {}).forEachRemaining(Workload::refuseRejected);
        return clock.round((long) documents * documentTokens);
    }

    /// Scores labels as continuations of prompts, as `ClassificationRun` does. That class needs texts, and so a
    /// tokenizer.
    Measurement.Round classify() {
        ScoringOptions options = new ScoringOptions(
                new Windows.Rolling(documentTokens), ScoringOptions.Prefix.NONE, ScoringOptions.DEFAULT_MIN_K);
        List<Request.Score> requests = contents(SEED, documents, documentTokens).stream()
                .flatMap(prompt -> IntStream.range(0, Benchmark.LABELS)
                        .mapToObj(
                                label -> new Request.Score(0, prompt, new Content.Tokens(new int[] {label}), options)))
                .toList();
        Clock clock = new Clock();
        new ScoringRun(model, requests.iterator(), (_, _, _) -> {}).forEachRemaining(Workload::refuseRejected);
        return clock.round((long) documents * documentTokens);
    }

    /// Embeds a batch of documents.
    Measurement.Round embed() {
        int width = model.config().hiddenSize();
        List<Request.Embed> requests = contents(SEED, documents, documentTokens).stream()
                .map(content -> new Request.Embed(0, content, documentTokens, width))
                .toList();
        Clock clock = new Clock();
        new EmbeddingRun(model, requests.iterator()).forEachRemaining(Workload::refuseRejected);
        return clock.round((long) documents * documentTokens);
    }

    /// Computes the prompts of a round, which has prompts of its own because the KV cache would hold the computed
    /// ones of the round before.
    Measurement.Round prefill(GenerationLoop loop, int round) {
        List<Request.Generate> requests = prompts(SEED + 1 + round, documents, documentTokens, 1);
        Clock clock = new Clock();
        try (GenerationRun run = GenerationRun.open(model, loop, requests.iterator(), () -> false, _ -> {})) {
            run.forEachRemaining(Workload::refuseRejected);
        }
        return clock.round((long) documents * documentTokens);
    }

    /// Continues texts by greedy tokens; their prompts are computed before the clock starts.
    Measurement.Round decode(GenerationLoop loop, int sequences) {
        List<Request.Generate> requests = prompts(SEED, sequences, Benchmark.PROMPT_TOKENS, Benchmark.OUTPUT_TOKENS);
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
