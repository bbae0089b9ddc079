package org.sparkqwen.engine.run;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.cache.BlockPool;
import org.sparkqwen.engine.cache.BlockTable;
import org.sparkqwen.engine.cache.CacheLayout;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.measure.TimedKernels;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.model.WeightEncoding;
import org.sparkqwen.engine.model.Weights;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.EngineOptions;
import org.sparkqwen.engine.request.KeyValueOptions;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.scheduler.Sequence;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// A model in memory, with all that runs share: the settings in its files, its tokenizer, its transformer and the turns
/// on it.
///
/// Many threads may use it. Batches take turns on the transformer under a fair lock, each with all of the kernels'
/// threads.
public final class LoadedModel implements AutoCloseable {
    private final ModelConfig config;
    private final EngineOptions options;
    private final @Nullable Tokenizer tokenizer;
    private final Conversations conversations;
    private final Weights weights;
    private final TimedKernels kernels;
    private final BlockPool scoringBlocks; // of one layer
    private final Map<Constraint, TokenConstraint> constraints = new ConcurrentHashMap<>();
    private final Tally tally = new Tally();
    private final ReentrantLock turn;
    private final BatchLimit batchLimit;

    @GuardedBy("turn")
    private final Transformer transformer;

    @GuardedBy("turn")
    private boolean closed;

    /// Takes over `weights` and `kernels`, which [#close] closes.
    ///
    /// @param tokenizer null if the model has none, and so accepts token ids only
    /// @param turn is held while a batch is computed
    public LoadedModel(
            EngineOptions options,
            @Nullable Tokenizer tokenizer,
            Conversations conversations,
            Weights weights,
            TimedKernels kernels,
            ReentrantLock turn) {
        config = weights.config();
        this.options = options;
        this.tokenizer = tokenizer;
        this.conversations = conversations;
        this.weights = weights;
        this.kernels = kernels;
        this.turn = turn;
        batchLimit = new BatchLimit(options.batchTokens());
        transformer = new Transformer(config, weights, kernels);
        scoringBlocks = new BlockPool(
                new CacheLayout(config.attention(), KeyValueFormat.F32, 1, KeyValueBlock.TOKENS),
                Long.MAX_VALUE,
                kernels.newBuffers());
    }

    public ModelConfig config() {
        return config;
    }

    public EngineOptions options() {
        return options;
    }

    /// The encoding of the weights.
    public WeightEncoding encoding() {
        return weights.encoding();
    }

    public Optional<Tokenizer> tokenizer() {
        return Optional.ofNullable(tokenizer);
    }

    public TimedKernels kernels() {
        return kernels;
    }

    /// The limit of the tokens of a batch.
    BatchLimit batchLimit() {
        return batchLimit;
    }

    Tally tally() {
        return tally;
    }

    /// The prefix token of documents.
    public DocumentPrefix documentPrefix() {
        return new DocumentPrefix(tokenizer, config);
    }

    OutputVocabulary outputVocabulary() {
        return new OutputVocabulary(tokenizer, config);
    }

    /// Returns a constraint for this model's vocabulary, compiled when it is first requested.
    ///
    /// @throws RejectedContent if the vocabulary or the constraint does not allow it
    TokenConstraint compiled(Constraint constraint) {
        try {
            return constraints.computeIfAbsent(constraint, outputVocabulary()::compile);
        } catch (IllegalArgumentException e) {
            throw new RejectedContent(String.valueOf(e.getMessage()));
        }
    }

    /// The number of single-layer blocks that documents hold now.
    public int scoringBlocksInUse() {
        return scoringBlocks.inUse();
    }

    /// Makes a sequence that is computed whole in one batch, and needs the keys and values of one layer at a time.
    public Sequence newScoringSequence(int[] tokens) {
        return new Sequence(tokens, BlockTable.of(scoringBlocks, tokens.length));
    }

    /// Makes a sequence like [#newScoringSequence], whose first tokens are those of another that is computed in the
    /// same batch, and ended after it.
    ///
    /// @param common number of tokens in common, less than `tokens` has
    Sequence newScoringBranch(int[] tokens, Sequence from, int common) {
        BlockTable table = BlockTable.branch(scoringBlocks, from.table(), common, tokens.length);
        return new Sequence(tokens, table, common);
    }

    public void endScoring(Sequence sequence) {
        sequence.table().giveBack(scoringBlocks);
    }

    /// Makes a pool of blocks of all layers, for texts that are generated.
    public BlockPool newGenerationBlocks() {
        KeyValueOptions keyValues = options.keyValues();
        return new BlockPool(
                new CacheLayout(config.attention(), keyValues.format(), config.layers(), keyValues.blockTokens()),
                keyValues.bytes(),
                kernels.newBuffers());
    }

    /// Runs `work` while nothing else runs on the model, nor on another model with the same turns.
    public <T> T onModel(ModelWork<T> work) {
        try {
            turn.lockInterruptibly();
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
            turn.unlock();
        }
    }

    private static CancellationException cancelled(InterruptedException cause) {
        CancellationException exception = new CancellationException("interrupted while waiting for the model");
        exception.initCause(cause);
        return exception;
    }

    /// The work of a batch on the model.
    public interface ModelWork<T> {
        T run(Transformer transformer);
    }

    /// The token that closes the reasoning of a model that has one.
    OptionalInt closingTag() {
        return tokenizer == null ? OptionalInt.empty() : tokenizer.idOf(GeneratedText.CLOSING_TAG);
    }

    /// Turns a request's content into a prompt to continue.
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

    /// The ids of a prompt. A plain text gets the tokens that the tokenizer puts around it; a chat template writes
    /// them itself.
    ///
    /// @throws RejectedContent under the conditions of [#tokens]
    int[] promptTokens(Content content) {
        return switch (content) {
            case Content.Text text -> checked(content, textTokenizer().encodeWhole(text.text(), text.special()));
            case Content.Parts parts -> checked(content, textTokenizer().encodeWhole(parts.parts()));
            case Content.Framed _, Content.Chat _, Content.Tokens _, Content.Unreadable _ -> tokens(content);
        };
    }

    /// The tokens at the end of a tokenized text that the tokenizer puts after every text; empty if it ends
    /// otherwise.
    int[] tokensAfter(int[] text) {
        int[] after = tokenizer == null ? new int[0] : tokenizer.tokensAfter();
        int start = text.length - after.length;
        boolean ends = start >= 0 && Arrays.equals(text, start, text.length, after, 0, after.length);
        return ends ? after : new int[0];
    }

    /// The ids of a request's content, without any added ones.
    ///
    /// @throws RejectedContent if there are none, or if the model has no such ids
    public int[] tokens(Content content) {
        int[] ids = switch (content) {
            case Content.Text text -> textTokenizer().encode(text.text(), text.special());
            case Content.Parts parts -> textTokenizer().encode(parts.parts());
            case Content.Framed framed -> framedTokens(framed);
            case Content.Chat chat -> textTokenizer().encode(conversations.parts(chat.conversation()));
            case Content.Tokens tokens -> tokens.ids();
            case Content.Unreadable unreadable -> throw new RejectedContent(unreadable.reason());
        };
        return checked(content, ids);
    }

    private int[] framedTokens(Content.Framed framed) {
        return Stream.of(
                        new Content.Text(framed.before(), SpecialTokens.PARSE),
                        framed.text(),
                        new Content.Text(framed.after(), SpecialTokens.PARSE))
                .flatMapToInt(part -> Arrays.stream(tokens(part)))
                .toArray();
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

    /// Waits for the batch on the model, then frees everything. Runs that continue afterwards fail.
    @Override
    public void close() {
        turn.lock();
        try {
            if (!closed) {
                closed = true;
                transformer.close();
                kernels.close();
                weights.close();
                scoringBlocks.close();
            }
        } finally {
            turn.unlock();
        }
    }
}
