package org.sparkqwen.engine;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.bench.Benchmark;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.DeviceUse;
import org.sparkqwen.engine.kernels.measure.TimedKernels;
import org.sparkqwen.engine.kernels.measure.Work;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.Load;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.ScoringProgress;
import org.sparkqwen.engine.run.ClassificationRun;
import org.sparkqwen.engine.run.Conversations;
import org.sparkqwen.engine.run.DocumentPrefix;
import org.sparkqwen.engine.run.EmbeddingRun;
import org.sparkqwen.engine.run.GenerationLoop;
import org.sparkqwen.engine.run.GenerationRun;
import org.sparkqwen.engine.run.LoadedModel;
import org.sparkqwen.engine.run.RequestSize;
import org.sparkqwen.engine.run.ScoringRun;
import org.sparkqwen.engine.sizing.WeightMemory;
import org.sparkqwen.engine.tokenizer.Tokenizer;
import org.sparkqwen.engine.tokenizer.TokenizerFiles;

/// A model that is ready to score, to generate and to embed.
///
/// Many threads may use one engine. Each tokenizes for itself and fills its own batches of documents to score; texts to
/// generate are in one batch for all. Batches take turns on the model, each with all of the engine's threads. A result
/// depends on its request and the weights alone: not on other requests, their order, the engine's options (except the
/// precision of keys and values, and the encoding of weights), or its other work.
public final class Engine implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Engine.class);

    private final LoadedModel model;
    private final GenerationLoop generation;

    private Engine(LoadedModel model) {
        this.model = model;
        generation = new GenerationLoop(model);
    }

    /// Loads a model from a Hugging Face directory, a packed one, or a GGUF file. A model without a tokenizer
    /// accepts requests with token ids only.
    ///
    /// @param model a directory, or a GGUF file
    /// @throws InvalidModelException if there is no model that this engine can run; damaged weights may show only
    ///     when a run first uses them
    public static Engine open(Path model, EngineOptions options) {
        return open(model, options, newTurn());
    }

    /// Loads a model like [#open(Path, EngineOptions)], which takes turns with other engines of this process, so
    /// that the threads of one do not compute while those of another do.
    ///
    /// @param turn a fair lock that all these engines have
    public static Engine open(Path model, EngineOptions options, ReentrantLock turn) {
        if (options.kernels().device().isGpu()) {
            return open(model, options, Long.MAX_VALUE, turn); // a GPU's memory has all weights, or they do not fit
        }
        ModelConfig config = ModelConfig.read(model);
        long memory = WeightMemory.available(config, options.batchTokens(), options.threads());
        return open(model, options, (long) (options.memoryShare() * memory), turn);
    }

    private static ReentrantLock newTurn() {
        return new ReentrantLock(true);
    }

    /// Loads a model from a directory, with a given size of memory.
    ///
    /// @param weightMemory bytes that weights may take; weights that do not fit are read from the disk for each
    ///     batch
    static Engine open(Path directory, EngineOptions options, long weightMemory) {
        return open(directory, options, weightMemory, newTurn());
    }

    private static Engine open(Path directory, EngineOptions options, long weightMemory, ReentrantLock turn) {
        ModelConfig config = ModelConfig.read(directory);
        Tokenizer tokenizer = TokenizerFiles.existIn(directory) ? Tokenizer.ofModel(directory) : null;
        return open(
                directory.toString(),
                options,
                turn,
                tokenizer,
                new Conversations(directory),
                buffers -> Weights.open(
                        directory,
                        config,
                        options.weights(),
                        options.adapter(),
                        options.cache(),
                        weightMemory,
                        buffers));
    }

    /// Makes a model of random weights for measuring speed: a run takes the time of a trained model's. Matrices
    /// that the options do not encode are bfloat16.
    public static Engine random(ModelConfig config, EngineOptions options) {
        return open(
                "random weights",
                options,
                newTurn(),
                null,
                new Conversations(null),
                buffers -> Weights.random(config, DType.BF16, options.weights(), 0, buffers));
    }

    /// Opens the parts of an engine, and closes those that are open already if the rest cannot be opened.
    private static Engine open(
            String name,
            EngineOptions options,
            ReentrantLock turn,
            @Nullable Tokenizer tokenizer,
            Conversations conversations,
            Function<Buffers, Weights> source) {
        long start = System.nanoTime();
        TimedKernels kernels = new TimedKernels(options.kernels()
                .create(
                        options.threads(),
                        reason -> LOG.warn("{}; another back-end computes, perhaps some fifty times slower", reason)));
        try {
            Weights weights = checked(source.apply(kernels.newBuffers()), options);
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
            return new Engine(new LoadedModel(options, tokenizer, conversations, weights, kernels, turn));
        } catch (RuntimeException | Error e) {
            kernels.close();
            throw e;
        }
    }

    /// Returns weights that the chosen precision can multiply, and closes others.
    private static Weights checked(Weights weights, EngineOptions options) {
        try {
            WeightEncoding.refuse(options.kernels().precision(), weights::layout);
            return weights;
        } catch (InvalidModelException e) {
            weights.close();
            throw e;
        }
    }

    private static String gigabytes(long bytes) {
        return "%.2f".formatted(bytes / 1e9);
    }

    /// The model that the engine's runs share, for tests and tools that look into a single part.
    public LoadedModel model() {
        return model;
    }

    /// The ids of a content, without any added ones.
    ///
    /// @throws org.sparkqwen.engine.request.RejectedContent if there are none, or if the model has no such ids
    public int[] tokens(Content content) {
        return model.tokens(content);
    }

    /// The size of a request in tokens, which is known before anything is computed.
    ///
    /// @throws org.sparkqwen.engine.request.RejectedContent if the request would be rejected
    public RequestSize size(Request request) {
        return RequestSize.of(model, request);
    }

    public ModelConfig config() {
        return model.config();
    }

    public Optional<Tokenizer> tokenizer() {
        return model.tokenizer();
    }

    /// The prefix token of documents.
    public DocumentPrefix documentPrefix() {
        return model.documentPrefix();
    }

    /// Scores documents and yields one result for each, in completion order.
    ///
    /// Pulls from `requests` only when the batch has room. Of continuations it pulls those of further batches, too,
    /// because those of one prompt are computed together, and their prompt once. Use the iterator from one thread.
    ///
    /// @throws InvalidModelException if the model has no head
    /// @throws IllegalStateException from the iterator if the engine is closed
    /// @throws CancellationException from the iterator if its thread is interrupted
    public ScoringRun score(Iterator<Request.Score> requests) {
        return score(requests, (id, tokens, all) -> {});
    }

    /// Scores documents in the same way, and tells `progress` of windows before their document is done.
    public ScoringRun score(Iterator<Request.Score> requests, ScoringProgress progress) {
        model.config().requireHead();
        return new ScoringRun(model, requests, progress);
    }

    /// Finds the label of each text among some, and yields one result for each request, in completion order.
    /// Nothing is generated: each label's log-probability after the prompt is computed, and the prompt once for all
    /// labels.
    ///
    /// Pulls from `requests` as [#score] does. Use the iterator from one thread.
    ///
    /// @throws InvalidModelException if the model has no head
    /// @throws IllegalStateException from the iterator if the engine is closed
    /// @throws CancellationException from the iterator if its thread is interrupted
    public ClassificationRun classify(Iterator<Request.Classify> requests) {
        model.config().requireHead();
        return new ClassificationRun(model, requests);
    }

    /// Embeds texts and yields one result for each, in completion order. The model needs no head.
    ///
    /// Pulls from `requests` only when the batch has room. Use the iterator from one thread.
    ///
    /// @throws IllegalStateException from the iterator if the engine is closed
    /// @throws CancellationException from the iterator if its thread is interrupted
    public Iterator<Result> embed(Iterator<Request.Embed> requests) {
        return new EmbeddingRun(model, requests);
    }

    /// Generates continuations and yields one result for each request, in completion order. All callers' texts are
    /// in one batch. Closing the run, or reading it to its end, frees its blocks of the KV cache.
    ///
    /// Pulls from `requests` only when there is room for more to wait. Use the iterator from one thread.
    ///
    /// @throws IllegalStateException from the iterator if the engine is closed
    /// @throws CancellationException from the iterator if its thread is interrupted
    public GenerationRun generate(Iterator<Request.Generate> requests) {
        return generate(requests, () -> false);
    }

    /// Generates continuations in the same way, and checks `cancelled` while it waits for a result.
    ///
    /// @throws CancellationException from the iterator if `cancelled`, too
    public GenerationRun generate(Iterator<Request.Generate> requests, BooleanSupplier cancelled) {
        return generate(requests, cancelled, tokens -> {});
    }

    /// Generates continuations in the same way, and tells `progress` while it waits how many tokens the unfinished
    /// texts have.
    public GenerationRun generate(
            Iterator<Request.Generate> requests, BooleanSupplier cancelled, LongConsumer progress) {
        model.config().requireHead();
        return GenerationRun.open(model, generation, requests, cancelled, progress);
    }

    /// The encoding of the model's weights.
    public WeightEncoding encoding() {
        return model.encoding();
    }

    /// The number of KV cache blocks that runs hold now, without those that are kept for later prompts.
    public int blocksInUse() {
        return model.scoringBlocksInUse() + generation.blocksInUse();
    }

    /// The number of times that a text lost its blocks in the KV cache to others and was computed again.
    public long preemptions() {
        return generation.preemptions();
    }

    /// What the engine has used of its GPU; empty on the processor. Safe to call from any thread.
    public Optional<DeviceUse> deviceUse() {
        return model.kernels().deviceUse();
    }

    /// Describes the kernels for people: `code AVX-512, 2 threads`.
    public String kernels() {
        return model.kernels().description();
    }

    /// Makes a benchmark of this engine's model, with a generation loop of its own.
    ///
    /// @throws IllegalArgumentException if the model or the engine's options are too small for `settings`
    public Benchmark benchmark(Benchmark.Settings settings, Benchmark.Progress progress) {
        return new Benchmark(model, settings, progress);
    }

    /// The work that the engine has done so far, and the time it took, by stage.
    public Work work() {
        return model.kernels().work();
    }

    /// What the engine has computed, and what it is working on. Safe to call from any thread; does not wait for the
    /// model.
    public Load load() {
        return generation.load();
    }

    public EngineOptions options() {
        return model.options();
    }

    /// Waits for the batch on the model, then frees everything. Runs that continue afterwards fail.
    @Override
    public void close() {
        generation.close();
        model.close();
    }
}
