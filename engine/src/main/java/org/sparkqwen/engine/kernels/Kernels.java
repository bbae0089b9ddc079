package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;

/// The arithmetic of a transformer: whole operations on float32 activations in the back-end's [Buffers].
///
/// `ScalarKernels` defines each operation, and every other back-end gives the same bits. A result depends on the
/// operands alone, not on the number of threads, nor on the rest of the batch. To that end
///
/// - every output of a linear layer is one chain of `fma` over the inputs in ascending order, from 0;
/// - attention reads keys in blocks of 32 positions that start at multiples of 32, and its sums are chains in the order
///   of positions;
/// - every other sum has 16 virtual lanes (term `i` goes to lane `i % 16`), which are added in order.
///
/// Operations of one instance must not run at the same time. Rows are contiguous. An operand shorter than its shape
/// throws [IndexOutOfBoundsException], and one on the Java heap throws [IllegalArgumentException]. Indices, positions,
/// tokens and the results that an operation returns or writes to arrays are on the heap.
public interface Kernels extends AutoCloseable {
    /// Makes memory for operands, which the caller closes. It may be called from any thread at any time.
    Buffers newBuffers();

    /// Looks up the vectors of tokens.
    ///
    /// @param table `[vocabulary, hidden]`
    /// @param tokens ids below `table.outputs()`
    /// @param out `[tokens.length, hidden]`
    void embed(EmbeddingTable table, int[] tokens, MemorySegment out);

    /// Copies rows of a batch: `out[i] = in[rows[i]]`.
    ///
    /// @param in `[more than the highest of rows, width]`
    /// @param rows row indices, in any order
    /// @param out `[rows.length, width]`; does not overlap `in`
    void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out);

    /// Computes `out[t][n] = Σₖ in[t][k] · weight[n][k] + bias[n]` for linear layers that read the same input.
    ///
    /// @param in `[tokens, inputs]`
    /// @param projections linear layers with `inputs` inputs each; outputs overlap neither each other nor `in`
    void linear(MemorySegment in, int tokens, List<Projection> projections);

    /// Adds a linear layer's output to the residual stream: `sum[t][n] += Σₖ in[t][k] · weight[n][k]`.
    ///
    /// @param in `[tokens, inputs]`
    /// @param sum `[tokens, outputs]`; does not overlap `in`
    void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum);

    /// Computes `out[t][n] = silu(Σₖ in[t][k] · gate[n][k]) · Σₖ in[t][k] · up[n][k]`, with silu(x) = x / (1 +
    /// e⁻ˣ).
    ///
    /// @param in `[tokens, inputs]`
    /// @param gate `[outputs, inputs]`
    /// @param up `[outputs, inputs]`
    /// @param out `[tokens, outputs]`; does not overlap `in`
    void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out);

    /// Chooses each token's experts: those with the greatest probabilities under the softmax over all experts.
    ///
    /// @param logits `[tokens, experts]`
    /// @param perToken experts of a token, at most `experts`
    /// @param normalised whether the probabilities of a token's experts are divided by their sum
    Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised);

    /// Adds the experts' outputs: `sum[r] += share · down(silu(gate(in[r])) · up(in[r]))` for the rows of each
    /// expert. The product with the share is rounded before it is added. A row of several experts takes their
    /// outputs in the order of the list.
    ///
    /// @param in `[rows, hidden]`
    /// @param experts experts whose weights have the same shape
    /// @param gated `[all experts' rows, intermediate]`, overwritten
    /// @param sum `[rows, hidden]`; does not overlap `in`
    void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum);

    /// Computes RMSNorm: `out[r][i] = weight[i] · (in[r][i] / √(mean(in[r]²) + epsilon))` for each row.
    ///
    /// @param in `[rows, width]`
    /// @param weight `[width]`
    /// @param out `[rows, width]`; may be `in`
    /// @param epsilon added to the mean square, dimensionless
    void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon);

    /// Applies [#rmsNorm] to each head, and then the rotary position embedding, which rotates the head's pairs
    /// `(x[i], x[i + headDim / 2])` by the angles of its position.
    ///
    /// @param x `[positions.length, heads, headDim]`, changed in place
    /// @param weight `[headDim]`, the norm's weight
    /// @param positions each row's position in its sequence
    /// @param cosines `[more than the highest position, headDim / 2]`
    /// @param sines `[more than the highest position, headDim / 2]`
    void normAndRotate(
            MemorySegment x,
            MemorySegment weight,
            float epsilon,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines);

    /// Applies the rotary position embedding of [#normAndRotate] without the norm.
    void rotate(MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines);

    /// Writes the keys and values of the batch's tokens into their sequences' blocks. Several spans may have the
    /// same rows: their tokens are those of each of these sequences.
    ///
    /// @param spans no two of them have the same positions of a block
    /// @param keys `[tokens, keyValueHeads, headDim]`, after rotary embedding
    /// @param values `[tokens, keyValueHeads, headDim]`
    void storeKeyValues(AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values);

    /// Computes causal softmax attention of each token's queries over the keys of its sequence up to its own
    /// position.
    ///
    /// @param spans the sequences of the batch; their blocks hold the keys and values of these tokens already
    /// @param queries `[tokens, heads, headDim]`
    /// @param out `[tokens, heads, headDim]`; may be `queries`
    /// @param scale factor of the scores before the softmax
    void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale);

    /// Prepares attention in one layer of a batch: rotates queries and keys, and stores keys and values. A back-end
    /// that does all of it in one pass leaves `keys` as they are.
    ///
    /// @param spans where keys and values are stored: first the rows of the batch in their order, then copies of
    /// some
    /// @param queries `[rows, heads, headDim]`, changed in place
    /// @param keys `[rows, keyValueHeads, headDim]`, of which nothing is known afterwards
    /// @param values `[rows, keyValueHeads, headDim]`
    default void prepareAttention(
            AttentionShape shape,
            LayerSpans spans,
            int layer,
            HeadRotation rotation,
            MemorySegment queries,
            MemorySegment keys,
            MemorySegment values) {
        rotate(queries, rotation.queryNorm(), shape.heads(), shape.headDim(), rotation);
        rotate(keys, rotation.keyNorm(), shape.keyValueHeads(), shape.headDim(), rotation);
        storeKeyValues(shape, spans, layer, keys, values);
    }

    /// Applies [#normAndRotate], or [#rotate] if there is no norm.
    ///
    /// @param x `[rows, heads, headDim]`, changed in place
    /// @param norm the weight of the norm: the rotation's for queries, or that for keys; null for no norm
    default void rotate(MemorySegment x, @Nullable MemorySegment norm, int heads, int headDim, HeadRotation rotation) {
        if (norm == null) {
            rotate(x, heads, headDim, rotation.positions(), rotation.cosines(), rotation.sines());
        } else {
            normAndRotate(
                    x,
                    norm,
                    rotation.epsilon(),
                    heads,
                    headDim,
                    rotation.positions(),
                    rotation.cosines(),
                    rotation.sines());
        }
    }

    /// Does [#storeKeyValues] in one layer of a batch.
    default void storeKeyValues(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment keys, MemorySegment values) {
        storeKeyValues(shape, spans.of(layer), keys, values);
    }

    /// Does [#attention] in one layer of a batch.
    default void attention(
            AttentionShape shape, LayerSpans spans, int layer, MemorySegment queries, MemorySegment out, float scale) {
        attention(shape, spans.of(layer), queries, out, scale);
    }

    /// Computes the log-probability of each row's target under the softmax over a vocabulary, and whether the
    /// target is the most likely token. It stores no logits.
    ///
    /// @param head `[vocabulary, hidden]`
    /// @param in `[targets.length, hidden]`
    /// @param targets `[targets.length]`: a token id for each row
    /// @param out `[targets.length]`, in nats; NaN if a logit was NaN
    /// @param likeliest `[targets.length]`: whether the target's logit is the first of the greatest; either value
    ///     if a logit was NaN
    default void logProbabilities(Matrix head, MemorySegment in, int[] targets, double[] out, boolean[] likeliest) {
        logProbabilities(head, in, targets, out, likeliest, null);
    }

    /// Computes [#logProbabilities] and, in the same pass, the moments of each row's distribution. The
    /// log-probabilities have the same bits with moments and without.
    ///
    /// @param moments `[targets.length]`, filled in; null if they are not wanted
    void logProbabilities(
            Matrix head, MemorySegment in, int[] targets, double[] out, boolean[] likeliest, @Nullable Moments moments);

    /// Starts [#logProbabilities], whose results are in the arrays when the caller has waited for them. Kernels of
    /// a device return at once, so that the host prepares the next batch meanwhile. `in` may be overwritten by
    /// operations that follow.
    default Pending startLogProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        logProbabilities(head, in, targets, out, likeliest, moments);
        return Pending.DONE;
    }

    /// Computes the logits of each row.
    ///
    /// @param head `[vocabulary, hidden]`
    /// @param in `[rows, hidden]`
    /// @param out `[rows, vocabulary]`
    default void logits(Matrix head, MemorySegment in, MemorySegment out, int rows) {
        linear(in, rows, List.of(new Projection(head, out)));
    }

    /// Computes log Σ exp of each row of logits, with the bits that [#logProbabilities] subtracts.
    ///
    /// @param logits `[out.length, count]`
    void logSumExp(MemorySegment logits, int count, double[] out);

    /// Finds the first of the greatest logits of each row, or any logit of a row that has a NaN.
    ///
    /// @param logits `[out.length, width]`
    /// @param count number of columns to look at, from the first on
    void likeliest(MemorySegment logits, int width, int count, int[] out);

    /// Turns scores into the weights from which a token is drawn: `scores[i] = exp((scores[i] − maximum) /
    /// temperature)`. It runs on the calling thread, so that [#each] can do it for all rows of a batch at the same
    /// time.
    ///
    /// @param scores `[at least count]`, changed in place
    /// @param maximum the greatest of the scores
    /// @param temperature above 0
    /// @return the sum of the weights, taken in float32 over 512 at a time and in double over those sums
    double exponentials(float[] scores, int count, float maximum, float temperature);

    /// What chooses tokens in the memory of the kernels; empty if the host does, which has the logits at hand.
    default Optional<TokenChooser> tokenChooser() {
        return Optional.empty();
    }

    /// Runs `work` for each of 0 to `count - 1` on all threads, for work on the rows of a batch outside these
    /// operations.
    void each(int count, IntConsumer work);

    /// Makes threads use a probe between the parts of operations, from the next operation on; null for none.
    ///
    /// @param probe a probe for [#threads] workers
    void measurePeak(@Nullable PartProbe probe);

    /// The instruction with which weights of a format are multiplied, to measure the most that it can do; empty if
    /// it is the multiply-add of float32.
    default Optional<ProductBurst> productBurst(WeightFormat format) {
        return Optional.empty();
    }

    /// What these kernels have used of their GPU; empty for kernels on the processor. Safe to call from any thread
    /// at any time.
    default Optional<DeviceUse> deviceUse() {
        return Optional.empty();
    }

    /// The most rows that pass through the feed-forward together.
    ///
    /// @param ofProcessor the number that suits the caches of a processor
    default int feedForwardRows(int ofProcessor) {
        return ofProcessor;
    }

    int threads();

    /// Describes what runs, for the log: `code AVX-512, 2 threads`.
    String description();

    @Override
    void close();
}
