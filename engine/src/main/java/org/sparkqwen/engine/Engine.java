package org.sparkqwen.engine;

import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.BlockTable;
import org.sparkqwen.engine.cache.CacheLayout;
import org.sparkqwen.engine.checkpoint.DType;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.TimedKernels;
import org.sparkqwen.engine.kernels.Work;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.StreamingPlan;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.tokenizer.TextPart;
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

    private final ModelConfig config;
    private final EngineOptions options;
    private final @Nullable Tokenizer tokenizer;
    private final Conversations conversations;
    private final Weights weights;
    private final TimedKernels kernels;
    private final Transformer transformer;
    private final BlockPool scoringBlocks; // of one layer
    private final GenerationLoop generation;
    private final Map<Constraint, TokenConstraint> constraints = new ConcurrentHashMap<>();
    private final Tally tally = new Tally();
    private final ReentrantLock model = new ReentrantLock(true);
    private boolean closed;

    private Engine(
            EngineOptions options,
            @Nullable Tokenizer tokenizer,
            Conversations conversations,
            Weights weights,
            TimedKernels kernels) {
        config = weights.config();
        this.options = options;
        this.tokenizer = tokenizer;
        this.conversations = conversations;
        this.weights = weights;
        this.kernels = kernels;
        transformer = new Transformer(config, weights, kernels);
        scoringBlocks = new BlockPool(
                new CacheLayout(config.attention(), KeyValueFormat.F32, 1, KeyValueBlock.TOKENS), Long.MAX_VALUE);
        generation = new GenerationLoop(this);
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
        if (options.kernels() == KernelChoice.AUTO && !KernelChoice.vectorModulePresent()) {
            LOG.warn("THE VECTOR MODULE IS MISSING: running scalar kernels, some fifty times slower. "
                    + "Start the JVM with --add-modules jdk.incubator.vector");
        }
        long start = System.nanoTime();
        TimedKernels kernels = new TimedKernels(options.kernels().create(options.threads()));
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
            return new Engine(options, tokenizer, conversations, weights, kernels);
        } catch (RuntimeException | Error e) {
            kernels.close();
            throw e;
        }
    }

    private static String gigabytes(long bytes) {
        return "%.2f".formatted(bytes / 1e9);
    }

    public ModelConfig config() {
        return config;
    }

    public Optional<Tokenizer> tokenizer() {
        return Optional.ofNullable(tokenizer);
    }

    /// How many ids, from 0 on, may be generated. Those above the tokenizer's last are padding of the embedding.
    public static int choosableTokens(@Nullable Tokenizer tokenizer, ModelConfig config) {
        return tokenizer == null ? config.vocabSize() : Math.min(tokenizer.vocabularySize(), config.vocabSize());
    }

    int choosableTokens() {
        return choosableTokens(tokenizer, config);
    }

    /// A constraint for this model's vocabulary, compiled when it is first asked for.
    ///
    /// @throws RejectedContent if the vocabulary or the constraint does not allow it
    TokenConstraint compiled(Constraint constraint) {
        if (tokenizer == null) {
            throw new RejectedContent("the model has no tokenizer.json, so its texts cannot be constrained");
        }
        try {
            return constraints.computeIfAbsent(constraint, wanted -> compile(wanted, tokenizer, config));
        } catch (IllegalArgumentException e) {
            throw new RejectedContent(String.valueOf(e.getMessage()));
        }
    }

    /// A constraint for a model's vocabulary. A constrained text has no added tokens, such as `<think>`, but the
    /// one that ends it.
    ///
    /// @throws IllegalArgumentException saying what of the constraint cannot be met or is not supported
    public static TokenConstraint compile(Constraint constraint, Tokenizer tokenizer, ModelConfig config) {
        return TokenConstraint.compile(
                constraint, choosableTokens(tokenizer, config), tokenizer::bytesOf, tokenizer::isAddedToken);
    }

    /// What stands before documents.
    public DocumentPrefix documentPrefix() {
        return new DocumentPrefix(tokenizer, config);
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
        return new ScoringRun(this, requests, progress);
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
        return new GenerationRun(this, generation, requests, cancelled, progress);
    }

    /// Blocks of key/value cache that runs hold now; those that are kept for prompts to come do not count.
    public int blocksInUse() {
        return scoringBlocks.inUse() + generation.blocksInUse();
    }

    /// Times that a text lost its place in the key/value cache to others and was computed again.
    public long preemptions() {
        return generation.preemptions();
    }

    /// What computes, for a person: `vector 512-bit, 2 threads`.
    public String kernels() {
        return kernels.description();
    }

    /// Measures from now on what the threads can do at most while they work, or does so no more: [Work#bursts].
    void measurePeak(boolean measure) {
        kernels.measurePeak(measure);
    }

    /// What the engine has computed so far, and the time it took, by stage.
    public Work work() {
        return kernels.work();
    }

    /// What it has done, and what it has in work. Safe to call from any thread; does not wait for the model.
    public Load load() {
        return generation.load(tally);
    }

    Tally tally() {
        return tally;
    }

    public EngineOptions options() {
        return options;
    }

    /// A sequence that is computed whole in one batch, and needs the keys and values of one layer at a time.
    Sequence newScoringSequence(int[] tokens) {
        return new Sequence(tokens, BlockTable.of(scoringBlocks, tokens.length));
    }

    void endScoring(Sequence sequence) {
        sequence.table().giveBack(scoringBlocks);
    }

    /// Blocks of all layers for texts that are generated.
    BlockPool newGenerationBlocks() {
        KeyValueOptions keyValues = options.keyValues();
        return new BlockPool(
                new CacheLayout(config.attention(), keyValues.format(), config.layers(), keyValues.blockTokens()),
                keyValues.bytes());
    }

    /// Runs `work` while nothing else runs on the model.
    <T> T onModel(ModelWork<T> work) {
        try {
            model.lockInterruptibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw cancelled(e);
        }
        try {
            if (closed) {
                throw new IllegalStateException("the engine is closed");
            }
            return work.run(transformer);
        } finally {
            model.unlock();
        }
    }

    private static CancellationException cancelled(InterruptedException cause) {
        CancellationException exception = new CancellationException("interrupted while waiting for the model");
        exception.initCause(cause);
        return exception;
    }

    /// What a batch does on the model.
    interface ModelWork<T> {
        T run(Transformer transformer);
    }

    /// The token that closes the reasoning of a model that has one.
    OptionalInt closingTag() {
        return tokenizer == null ? OptionalInt.empty() : tokenizer.idOf(GeneratedText.CLOSING_TAG);
    }

    /// A request's content as a text to go on from.
    ///
    /// @throws RejectedContent if there is none, or if the model has no such ids
    Prompt prompt(Content content) {
        if (content instanceof Content.Chat chat) {
            Tokenizer chatTokenizer = textTokenizer();
            List<TextPart> parts = conversations.parts(chat.conversation());
            return new Prompt(
                    checked(content, chatTokenizer.encode(parts)),
                    conversations.reasoningStart(chat.conversation(), parts),
                    chat.conversation().tools() != null);
        }
        return new Prompt(promptTokens(content), ReasoningStart.NONE, false);
    }

    /// The ids of a prompt. What is a text by itself has the tokens around it that the tokenizer puts there; a chat
    /// template writes them itself.
    ///
    /// @throws RejectedContent as [#tokens] says
    int[] promptTokens(Content content) {
        return switch (content) {
            case Content.Text text -> checked(content, textTokenizer().encodeWhole(text.text(), text.special()));
            case Content.Parts parts -> checked(content, textTokenizer().encodeWhole(parts.parts()));
            case Content.Chat _, Content.Tokens _, Content.Unreadable _ -> tokens(content);
        };
    }

    /// The ids of a request's content, and no others.
    ///
    /// @throws RejectedContent if there are none, or if the model has no such ids
    int[] tokens(Content content) {
        int[] ids = switch (content) {
            case Content.Text text -> textTokenizer().encode(text.text(), text.special());
            case Content.Parts parts -> textTokenizer().encode(parts.parts());
            case Content.Chat chat -> textTokenizer().encode(conversations.parts(chat.conversation()));
            case Content.Tokens tokens -> tokens.ids();
            case Content.Unreadable unreadable -> throw new RejectedContent(unreadable.reason());
        };
        return checked(content, ids);
    }

    private int[] checked(Content content, int[] ids) {
        if (ids.length == 0) {
            throw new RejectedContent(
                    content instanceof Content.Tokens ? "the token list is empty" : "the text is empty");
        }
        for (int id : ids) {
            if (id < 0 || id >= config.vocabSize()) {
                throw new RejectedContent(
                        "token id %d is outside the vocabulary of %d".formatted(id, config.vocabSize()));
            }
        }
        return ids;
    }

    private Tokenizer textTokenizer() {
        if (tokenizer == null) {
            throw new RejectedContent("the model has no tokenizer.json, so it takes token ids only");
        }
        return tokenizer;
    }

    /// Waits for the batch on the model, then frees everything. Runs that go on afterwards fail.
    @Override
    public void close() {
        generation.close();
        model.lock();
        try {
            if (!closed) {
                closed = true;
                transformer.close();
                kernels.close();
                weights.close();
                scoringBlocks.close();
            }
        } finally {
            model.unlock();
        }
    }
}
