package org.sparkqwen.engine;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.bench.Benchmark;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.kernels.measure.TimedKernels;
import org.sparkqwen.engine.kernels.measure.Work;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.ScoringProgress;
import org.sparkqwen.engine.run.Conversations;
import org.sparkqwen.engine.run.DocumentPrefix;
import org.sparkqwen.engine.run.GenerationLoop;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.run.LoadedModel;
import org.sparkqwen.engine.run.ScoringRun;
import org.sparkqwen.engine.sizing.WeightMemory;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;

/// A model, ready to score and to generate.
///
/// Many threads may use one engine. Each tokenizes for itself. Each fills its own batches of documents to score; texts
/// to generate are in one batch for all. Batches take turns on the model, each with all of the engine's threads. A
/// result depends on its request and the weights alone: not on the other requests, the order, the options of the engine
/// (the precision of keys and values apart), or what else it is doing.
public final class Engine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Engine.class);

    private final LoadedModel model;
    private final GenerationLoop generation;

    private Engine(LoadedModel model) {
        this.model = model;
        generation = new GenerationLoop(model);
    }

    /// Loads a model from a directory: a Hugging Face one, or a packed one. A directory without tokenizer.json
    /// takes requests of token ids only.
    ///
    /// @throws InvalidModelException if the directory holds no model that this engine can run; weights that are
    ///     damaged may show only when a run first uses them
    public static Engine open(Path directory, EngineOptions options) {
        ModelConfig config = ModelConfig.read(directory);
        return open(directory, options, WeightMemory.available(config, options.batchTokens(), options.threads()));
    }

    /// The same with another size of memory.
    ///
    /// @param weightMemory bytes that weights may take; what does not fit is read from the disk for each batch
    static Engine open(Path directory, EngineOptions options, long weightMemory) {
        ModelConfig config = ModelConfig.read(directory);
        Tokenizer tokenizer = TokenizerFiles.existIn(directory) ? Tokenizer.ofModel(directory) : null;
        return open(
                directory.toString(),
                options,
                tokenizer,
                new Conversations(directory),
                () -> Weights.open(directory, config, options.cache(), weightMemory));
    }

    /// A model of random weights in bfloat16, for measuring speed: a run takes the time of a trained model's.
    public static Engine random(ModelConfig config, EngineOptions options) {
        return open(
                "random weights", options, null, new Conversations(null), () -> Weights.random(config, DType.BF16, 0));
    }

    /// Closes what is open already if the rest cannot be opened.
    private static Engine open(
            String name,
            EngineOptions options,
            @Nullable Tokenizer tokenizer,
            Conversations conversations,
            Supplier<Weights> source) {
        long start = System.nanoTime();
        TimedKernels kernels = new TimedKernels(options.kernels()
                .create(
                        options.threads(),
                        reason -> LOG.warn("{}; another back-end computes, perhaps some fifty times slower", reason)));
        try {
            Weights weights = source.get();
            LOG.info(
                    "{} loaded in {} ms; kernels: {}",
                    name,
                    TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start),
                    kernels.description());
            weights.streaming()
                    .filter(StreamingPlan::streams)
                    .ifPresent(plan -> LOG.warn(
                            "{}: of {} GB of weights, {} GB of memory hold {} GB; {}",
                            name,
                            gigabytes(plan.bytes()),
                            gigabytes(plan.memory()),
                            gigabytes(plan.keptBytes()),
                            "every batch and every generated token reads %s GB from the disk%s"
                                    .formatted(
                                            gigabytes(plan.streamedBytes()),
                                            plan.overlapping() ? ", while it computes" : "")));
            return new Engine(new LoadedModel(options, tokenizer, conversations, weights, kernels));
        } catch (RuntimeException | Error e) {
            kernels.close();
            throw e;
        }
    }

    private static String gigabytes(long bytes) {
        return "%.2f".formatted(bytes / 1e9);
    }

    /// What the engine's runs share, for tests and tools that look into a single part.
    public LoadedModel model() {
        return model;
    }

    /// The ids of a content, and no others.
    ///
    /// @throws RejectedContent if there are none, or if the model has no such ids
    public int[] tokens(Content content) {
        return model.tokens(content);
    }

    public ModelConfig config() {
        return model.config();
    }

    public Optional<Tokenizer> tokenizer() {
        return model.tokenizer();
    }

    /// How many ids, from 0 on, may be generated. Those above the tokenizer's last are padding of the embedding.
    public static int choosableTokens(@Nullable Tokenizer tokenizer, ModelConfig config) {
        return LoadedModel.choosableTokens(tokenizer, config);
    }

    /// A constraint for a model's vocabulary. A constrained text has no added tokens, such as `<think>`, but the
    /// one that ends it.
    ///
    /// @throws IllegalArgumentException saying what of the constraint cannot be met or is not supported
    public static TokenConstraint compile(Constraint constraint, Tokenizer tokenizer, ModelConfig config) {
        return LoadedModel.compile(constraint, tokenizer, config);
    }

    /// What stands before documents.
    public DocumentPrefix documentPrefix() {
        return model.documentPrefix();
    }

    /// Scores documents; yields one result for each, in completion order.
    ///
    /// Pulls from `requests` only when the batch has room. Use the iterator from one thread.
    ///
    /// @throws IllegalStateException from the iterator if the engine is closed
    /// @throws CancellationException from the iterator if its thread is interrupted
    public Iterator<Result> score(Iterator<Request.Score> requests) {
        return score(requests, (id, tokens, all) -> {});
    }

    /// The same, and tells `progress` of windows before their document is done.
    public Iterator<Result> score(Iterator<Request.Score> requests, ScoringProgress progress) {
        return new ScoringRun(model, requests, progress);
    }

    /// Generates continuations; yields one result for each request, in completion order. All callers' texts are in
    /// one batch. Closing the run, or reading it to its end, frees what it holds of the key/value cache.
    ///
    /// Pulls from `requests` only when there is room for more to wait. Use the iterator from one thread.
    ///
    /// @throws IllegalStateException from the iterator if the engine is closed
    /// @throws CancellationException from the iterator if its thread is interrupted
    public GenerationRun generate(Iterator<Request.Generate> requests) {
        return generate(requests, () -> false);
    }

    /// The same, and looks at `cancelled` while it waits for a result.
    ///
    /// @throws CancellationException from the iterator if `cancelled`, too
    public GenerationRun generate(Iterator<Request.Generate> requests, BooleanSupplier cancelled) {
        return generate(requests, cancelled, tokens -> {});
    }

    /// The same, and tells `progress` while it waits how many tokens texts have that have not ended.
    public GenerationRun generate(
            Iterator<Request.Generate> requests, BooleanSupplier cancelled, LongConsumer progress) {
        return new GenerationRun(model, generation, requests, cancelled, progress);
    }

    /// Blocks of key/value cache that runs hold now; those that are kept for prompts to come do not count.
    public int blocksInUse() {
        return model.scoringBlocksInUse() + generation.blocksInUse();
    }

    /// Times that a text lost its place in the key/value cache to others and was computed again.
    public long preemptions() {
        return generation.preemptions();
    }

    /// What computes, for a person: `vector 512-bit, 2 threads`.
    public String kernels() {
        return model.kernels().description();
    }

    /// A benchmark of this engine's model, with a generation loop of its own.
    ///
    /// @throws IllegalArgumentException if the model or the engine's options are too small for `settings`
    public Benchmark benchmark(Benchmark.Settings settings, Benchmark.Progress progress) {
        return new Benchmark(model, settings, progress);
    }

    /// What the engine has computed so far, and the time it took, by stage.
    public Work work() {
        return model.kernels().work();
    }

    /// What it has done, and what it has in work. Safe to call from any thread; does not wait for the model.
    public Load load() {
        return generation.load();
    }

    public EngineOptions options() {
        return model.options();
    }

    /// Waits for the batch on the model, then frees everything. Runs that go on afterwards fail.
    @Override
    public void close() {
        generation.close();
        model.close();
    }
}
