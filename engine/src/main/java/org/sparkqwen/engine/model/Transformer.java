package org.sparkqwen.engine.model;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HeadRotation;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LayerSpans;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Pending;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.TokenChooser;
import org.sparkqwen.engine.sampling.RankedToken;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scoring.ScoreDetails;

/// Qwen's forward pass: token ids in, final hidden states out, and the vocabulary head on top of them.
///
/// It works in float32 on the checkpoint's exact values, in the order of transformers' modeling_qwen3.py,
/// modeling_qwen3_moe.py and modeling_qwen2.py. A batch is rows of tokens of any sequences; only attention looks at
/// sequences. Not safe for several threads at once, because the kernels bring their own.
public final class Transformer implements AutoCloseable {
    /// The most logits that are in memory at a time to be ranked: 16 MB.
    private static final int RANKED_LOGITS = 1 << 22;

    private final ModelConfig config;
    private final Weights weights;
    private final Kernels kernels;
    private final RotaryTable rotary;
    private final Activations activations;
    private final float attentionScale;
    private final int feedForwardRows;

    public Transformer(ModelConfig config, Weights weights, Kernels kernels) {
        this.config = config;
        this.weights = weights;
        this.kernels = kernels;
        rotary = new RotaryTable(config.rope(), config.attention().headDim(), kernels::newBuffers);
        feedForwardRows = kernels.feedForwardRows(Activations.FEED_FORWARD_ROWS);
        activations = new Activations(config, feedForwardRows, kernels::newBuffers);
        attentionScale = (float) (1 / Math.sqrt(config.attention().headDim()));
    }

    /// Computes every token of `batch` and writes its keys and values into its sequence's blocks.
    ///
    /// @param wanted rows of the batch whose hidden states the caller needs, in any order; a row may be there
    ///     several times
    /// @return `[wanted.length, hidden]`, after the final norm, in a buffer of the kernels; valid until the next
    ///     call
    public MemorySegment forward(Batch batch, int[] wanted) {
        int tokens = batch.tokens().length;
        activations.reserve(Math.max(tokens, wanted.length));
        rotary.reserve(batch.highestPosition() + 1);

        MemorySegment hidden = activations.hidden;
        MemorySegment normed = activations.normed;
        LayerSpans spans = spans(batch.slices());
        LayerSpans stored = batch.copies().isEmpty()
                ? spans
                : spans(Stream.concat(batch.slices().stream(), batch.copies().stream())
                        .toList());
        kernels.embed(weights.embedding(), batch.tokens(), hidden);
        for (int i = 0; i < config.layers(); i++) {
            Layer layer = weights.layer(i);

            rmsNorm(hidden, layer.inputNorm(), normed, tokens);
            attention(layer, batch.positions(), spans, stored, i, normed, hidden);

            rmsNorm(hidden, layer.postAttentionNorm(), normed, tokens);
            feedForward(layer.feedForward(), normed, hidden, tokens);
        }
        batch.markComputed();
        kernels.gatherRows(hidden, config.hiddenSize(), wanted, normed);
        rmsNorm(normed, weights.finalNorm(), normed, wanted.length);
        return normed;
    }

    /// Computes grouped-query attention.
    ///
    /// @param positions `[tokens]`
    /// @param stored where keys and values are stored: the spans, and the copies of the batch
    /// @param x `[tokens, hidden]`: the layer's normed input
    /// @param residual `[tokens, hidden]`: the residual stream, to which the output is added
    private void attention(
            Layer layer,
            int[] positions,
            LayerSpans spans,
            LayerSpans stored,
            int layerIndex,
            MemorySegment x,
            MemorySegment residual) {
        AttentionShape shape = config.attention();
        int tokens = positions.length;
        MemorySegment queries = activations.queries;
        MemorySegment keys = activations.keys;
        MemorySegment values = activations.values;

        kernels.linear(
                x,
                tokens,
                List.of(
                        projection(layer.query(), queries),
                        projection(layer.key(), keys),
                        projection(layer.value(), values)));
        HeadRotation rotation = new HeadRotation(
                layer.query().norm(),
                layer.key().norm(),
                config.rmsNormEpsilon(),
                positions,
                rotary.cosines(),
                rotary.sines());
        kernels.prepareAttention(shape, stored, layerIndex, rotation, queries, keys, values);
        kernels.attention(shape, spans, layerIndex, queries, queries, attentionScale);
        kernels.addLinear(queries, tokens, layer.output(), residual);
    }

    private static Projection projection(Layer.Input input, MemorySegment out) {
        return new Projection(input.weight(), input.bias(), out);
    }

    /// @param x `[tokens, hidden]`: the normed input
    /// @param residual `[tokens, hidden]`: the residual stream, to which the output is added
    private void feedForward(FeedForward feedForward, MemorySegment x, MemorySegment residual, int tokens) {
        switch (feedForward) {
            case FeedForward.Dense dense -> dense(dense, x, residual, tokens);
            case FeedForward.Mixture mixture -> mixture(mixture, x, residual, tokens);
        }
    }

    private void dense(FeedForward.Dense dense, MemorySegment x, MemorySegment residual, int tokens) {
        long rowBytes = (long) config.hiddenSize() * Float.BYTES;
        for (int token = 0, count; token < tokens; token += count) {
            count = Math.min(feedForwardRows, tokens - token);
            MemorySegment rows = x.asSlice(token * rowBytes, count * rowBytes);
            MemorySegment sums = residual.asSlice(token * rowBytes, count * rowBytes);
            kernels.swiGlu(rows, count, dense.gate(), dense.up(), activations.gated);
            kernels.addLinear(activations.gated, count, dense.down(), sums);
        }
    }

    private void mixture(FeedForward.Mixture mixture, MemorySegment x, MemorySegment residual, int tokens) {
        MixtureShape shape = mixture.shape();
        MemorySegment logits = activations.routerLogits;
        kernels.linear(x, tokens, List.of(new Projection(mixture.router(), logits)));
        Routes routes = kernels.route(logits, tokens, shape.experts(), shape.perToken(), shape.normalised());
        for (List<ExpertRows> experts : ExpertBatches.of(mixture, routes, feedForwardRows)) {
            kernels.addExperts(x, experts, activations.gated, residual);
        }
    }

    /// The hidden states of the last call of [#forward], in memory that the host may read: `[rows, hidden]`.
    ///
    /// @param rows at most as many as were wanted
    public MemorySegment hiddenOnHost(int rows) {
        return activations.normedOnHost(rows);
    }

    /// Computes the model's scores of a target after each row, without storing logits.
    ///
    /// @param hidden `[targets.length, hidden]`, from [#forward]
    /// @param targets token ids
    public TargetScores score(MemorySegment hidden, int[] targets) {
        return score(hidden, targets, ScoreDetails.NONE);
    }

    /// Computes the model's scores of a target after each row, with details of its distributions. Only the most
    /// likely tokens need logits, which are computed and ranked some rows at a time.
    ///
    /// @param hidden `[targets.length, hidden]`, from [#forward]
    /// @param targets token ids
    public TargetScores score(MemorySegment hidden, int[] targets, ScoreDetails details) {
        return startScore(hidden, targets, details).await();
    }

    /// Starts [#score]. The next batch may be computed before the scores are there.
    public PendingScores startScore(MemorySegment hidden, int[] targets, ScoreDetails details) {
        int rows = targets.length;
        double[] logProbabilities = new double[rows];
        boolean[] likeliest = new boolean[rows];
        Moments moments = details.entropy() ? Moments.ofRows(rows) : null;
        Pending pending =
                kernels.startLogProbabilities(weights.head(), hidden, targets, logProbabilities, likeliest, moments);
        List<List<RankedToken>> best = details.best() == 0 ? List.of() : best(hidden, rows, details.best());
        return new PendingScores(pending, new TargetScores(logProbabilities, likeliest, moments, best));
    }

    /// The bytes of the logits that are in memory at a time when the most likely tokens are wanted.
    public static long rankedBytes(ModelConfig config) {
        return (long) rankedRows(config) * config.vocabSize() * Float.BYTES;
    }

    private static int rankedRows(ModelConfig config) {
        return Math.max(1, RANKED_LOGITS / config.vocabSize());
    }

    /// Finds the most likely tokens after each row.
    ///
    /// @param hidden `[rows, hidden]`, from [#forward]
    private List<List<RankedToken>> best(MemorySegment hidden, int rows, int count) {
        List<List<RankedToken>> best = new ArrayList<>();
        long hiddenBytes = (long) config.hiddenSize() * Float.BYTES;
        long logitBytes = (long) config.vocabSize() * Float.BYTES;
        int block = rankedRows(config);
        for (int from = 0; from < rows; from += block) {
            int some = Math.min(block, rows - from);
            MemorySegment logits = logits(hidden.asSlice(from * hiddenBytes, some * hiddenBytes), some);
            double[] sums = logSumExp(logits, some);
            MemorySegment onHost = logitsOnHost(some);
            List<List<RankedToken>> ranked = new ArrayList<>(Collections.nCopies(some, List.<RankedToken>of()));
            each(
                    some,
                    row -> ranked.set(
                            row, RankedToken.best(onHost.asSlice(row * logitBytes, logitBytes), sums[row], count)));
            best.addAll(ranked);
        }
        return best;
    }

    /// Computes the logits after each row.
    ///
    /// @param hidden `[rows, hidden]`, from [#forward]
    /// @return `[rows, vocabulary]`, in a buffer of the kernels; valid until the next call
    public MemorySegment logits(MemorySegment hidden, int rows) {
        activations.reserveLogits(rows);
        kernels.logits(weights.head(), hidden, activations.logits, rows);
        return activations.logits;
    }

    /// The logits of the last call of [#logits], in memory that the host may read: `[rows, vocabulary]`.
    ///
    /// @param rows at most as many as were computed
    public MemorySegment logitsOnHost(int rows) {
        return activations.logitsOnHost(rows);
    }

    /// Computes log Σ exp of each row of logits; subtracted from a logit, it gives the bits of [#score].
    ///
    /// @param logits `[rows, vocabulary]`
    /// @return `[rows]`
    public double[] logSumExp(MemorySegment logits, int rows) {
        double[] sums = new double[rows];
        kernels.logSumExp(logits, config.vocabSize(), sums);
        return sums;
    }

    /// Finds the most likely token of each row of logits; of equals, the first.
    ///
    /// @param logits `[rows, vocabulary]`
    /// @param choosable ids below this may be chosen
    /// @return `[rows]`
    public int[] likeliest(MemorySegment logits, int rows, int choosable) {
        int[] tokens = new int[rows];
        kernels.likeliest(logits, config.vocabSize(), choosable, tokens);
        return tokens;
    }

    /// What chooses tokens without the host's reading logits; empty if the host chooses.
    public Optional<TokenChooser> tokenChooser() {
        return kernels.tokenChooser();
    }

    /// Calls [Kernels#exponentials], which [#each] may run for several rows at once.
    public double exponentials(float[] scores, int count, float maximum, float temperature) {
        return kernels.exponentials(scores, count, maximum, temperature);
    }

    /// Runs `work` for each of 0 to `count - 1`, on all of the kernels' threads.
    public void each(int count, IntConsumer work) {
        kernels.each(count, work);
    }

    private void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows) {
        kernels.rmsNorm(in, weight, out, rows, config.hiddenSize(), config.rmsNormEpsilon());
    }

    private LayerSpans spans(List<Batch.Slice> slices) {
        return new LayerSpans(
                config.layers(),
                layer -> spans(slices, layer),
                layer -> slices.isEmpty() ? 0 : slices.getFirst().table().offset(layer));
    }

    private static List<AttentionSpan> spans(List<Batch.Slice> slices, int layer) {
        return slices.stream()
                .map(slice -> new AttentionSpan(
                        slice.row(),
                        slice.tokens(),
                        slice.position(),
                        slice.table().format(),
                        slice.table().keysAndValues(layer)))
                .toList();
    }

    /// The bytes off the heap that a batch of `tokens` needs, beside weights and caches.
    ///
    /// @param positions positions of the longest sequence
    public static long workingBytes(ModelConfig config, int tokens, int positions) {
        return Activations.bytes(config, tokens)
                + RotaryTable.bytes(positions, config.attention().headDim());
    }

    /// The most rows of experts that a batch of `tokens` computes at a time; 0 if the model has none.
    public static int expertRows(ModelConfig config, int tokens) {
        return config.mixture()
                .map(mixture -> Activations.expertRows(mixture, tokens))
                .orElse(0);
    }

    @Override
    public void close() {
        activations.close();
        rotary.close();
    }
}
