package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// The arithmetic of a transformer, whole operations at a time, on float32 activations in native memory.
///
/// [ScalarKernels] says what each operation is; [VectorKernels] gives the same bits faster. A result depends on the
/// operands alone: not on the number of threads, nor on what else is in the batch. To that end
///
/// - every output of a linear layer is one chain of `fma` over the inputs in ascending order, from 0;
/// - attention goes through keys in blocks of 32 positions that start at multiples of 32; its sums are chains in the
///   order of positions;
/// - every other sum has 16 virtual lanes (term `i` goes to lane `i % 16`) that are added in order.
///
/// Operations of one instance must not run at the same time. Rows are contiguous; an operand shorter than its shape
/// says throws [IndexOutOfBoundsException], one on the Java heap [IllegalArgumentException].
public interface Kernels extends AutoCloseable {
    /// `out[t][n] = Σₖ in[t][k] · weight[n][k] + bias[n]` for linear layers that read the same input.
    ///
    /// @param in `[tokens, inputs]`
    /// @param projections all of `inputs` inputs; outputs overlap neither each other nor `in`
    void linear(MemorySegment in, int tokens, List<Projection> projections);

    /// `sum[t][n] += Σₖ in[t][k] · weight[n][k]`: a linear layer whose output goes onto the residual stream.
    ///
    /// @param in `[tokens, inputs]`
    /// @param sum `[tokens, outputs]`; does not overlap `in`
    void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum);

    /// `out[t][n] = silu(Σₖ in[t][k] · gate[n][k]) · Σₖ in[t][k] · up[n][k]`, with silu(x) = x / (1 + e⁻ˣ).
    ///
    /// @param in `[tokens, inputs]`
    /// @param gate `[outputs, inputs]`
    /// @param up `[outputs, inputs]`
    /// @param out `[tokens, outputs]`; does not overlap `in`
    void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out);

    /// The experts that each token goes to: those of the greatest probabilities under the softmax over all of them.
    ///
    /// @param logits `[tokens, experts]`
    /// @param perToken at most `experts`
    /// @param normalised whether the probabilities of a token's experts are divided by their sum
    Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised);

    /// `sum[r] += share · down(silu(gate(in[r])) · up(in[r]))` for the rows of each expert: the product with the
    /// share is rounded, and then added. A row that several experts have takes theirs in the order of the list.
    ///
    /// @param in `[rows, hidden]`
    /// @param experts of the same shape
    /// @param gated `[all experts' rows, intermediate]`, overwritten
    /// @param sum `[rows, hidden]`; does not overlap `in`
    void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum);

    /// `out[r][i] = weight[i] · (in[r][i] / √(mean(in[r]²) + epsilon))` for each row.
    ///
    /// @param in `[rows, width]`
    /// @param weight `[width]`
    /// @param out `[rows, width]`; may be `in`
    /// @param epsilon added to the mean square, dimensionless
    void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon);

    /// [#rmsNorm] of each head, then rotary position embedding: turns the head's pairs `(x[i], x[i + headDim / 2])`
    /// by the angles of its position.
    ///
    /// @param x `[positions.length, heads, headDim]`, changed in place
    /// @param weight `[headDim]`, of the norm
    /// @param positions each row's position in its sequence
    /// @param cosines `[more than the highest position, headDim / 2]`
    /// @param sines likewise
    void normAndRotate(
            MemorySegment x,
            MemorySegment weight,
            float epsilon,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines);

    /// The rotary position embedding of [#normAndRotate] without the norm.
    void rotate(MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines);

    /// Writes the keys and values of the batch's tokens into their sequences' blocks.
    ///
    /// @param keys `[tokens, keyValueHeads, headDim]`, after rotary embedding
    /// @param values `[tokens, keyValueHeads, headDim]`
    void storeKeyValues(AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values);

    /// Causal softmax attention of each token's queries over the keys of its sequence up to its own position.
    ///
    /// @param spans the sequences of the batch; their blocks hold the keys and values of these tokens already
    /// @param queries `[tokens, heads, headDim]`
    /// @param out `[tokens, heads, headDim]`; may be `queries`
    /// @param scale what scores are multiplied with before the softmax
    void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale);

    /// The log-probability of each token's target under the softmax over a vocabulary, and whether the target is
    /// the likeliest token. No logits are stored.
    ///
    /// @param head `[vocabulary, hidden]`
    /// @param in `[targets.length, hidden]`
    /// @param targets a token id for each row
    /// @param out `[targets.length]`, in nats; NaN if a logit was NaN
    /// @param likeliest `[targets.length]`: whether the target's logit is the first of the greatest; either if a
    ///     logit was NaN
    void logProbabilities(Matrix head, MemorySegment in, int[] targets, double[] out, boolean[] likeliest);

    /// The logits of each row.
    ///
    /// @param head `[vocabulary, hidden]`
    /// @param in `[rows, hidden]`
    /// @param out `[rows, vocabulary]`
    default void logits(Matrix head, MemorySegment in, MemorySegment out, int rows) {
        linear(in, rows, List.of(new Projection(head, out)));
    }

    /// log Σ exp of each row of logits, with the bits that [#logProbabilities] subtracts.
    ///
    /// @param logits `[out.length, count]`
    void logSumExp(MemorySegment logits, int count, double[] out);

    /// The first of the greatest logits of each row; of a row that has NaN, any.
    ///
    /// @param logits `[out.length, width]`
    /// @param count columns that are looked at, from the first on
    void likeliest(MemorySegment logits, int width, int count, int[] out);

    /// `scores[i] = exp((scores[i] − maximum) / temperature)`: the weights from which a token is drawn. Computed on
    /// the calling thread, so that each row of a batch may have it done in [#each], the rows at the same time.
    ///
    /// @param scores `[at least count]`, changed in place
    /// @param maximum the greatest of them
    /// @param temperature above 0
    /// @return their sum: in float32 over 512 at a time, over those in double
    double exponentials(float[] scores, int count, float maximum, float temperature);

    /// Runs `work` for each of 0 to `count - 1`, on all threads: what is done to the rows of a batch outside of
    /// these operations.
    void each(int count, IntConsumer work);

    /// From the next operation on, threads use a probe between its parts; null for none.
    ///
    /// @param probe for [#threads]
    void measurePeak(@Nullable PartProbe probe);

    int threads();

    /// What runs, for the log: `vector 512-bit, 2 threads`.
    String description();

    @Override
    void close();
}
