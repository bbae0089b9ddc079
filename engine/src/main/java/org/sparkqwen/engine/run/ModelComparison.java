package org.sparkqwen.engine.run;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.sparkqwen.engine.checkpoint.Fidelity;
import org.sparkqwen.engine.model.Transformer;
import org.sparkqwen.engine.scheduler.Batch;
import org.sparkqwen.engine.scheduler.Sequence;

/// Compares two models with one vocabulary: their distributions over the next token, at each position of some windows.
///
/// The whole distributions of some rows are in memory at a time. Sums over a vocabulary are in the order of ids, and
/// sums over tokens in the order of windows, so results do not depend on threads.
public final class ModelComparison {
    /// The numbers of a block of logits, for each of the two models.
    private static final int LOGITS = 1 << 23;

    private static final double HIGH = 0.999;

    private final LoadedModel published;
    private final LoadedModel packed;
    private final List<Double> divergences = new ArrayList<>();
    private double publishedLogProbability;
    private double logProbability;
    private long agreements;

    /// @throws IllegalArgumentException if the models have vocabularies of different sizes
    public ModelComparison(LoadedModel published, LoadedModel packed) {
        if (published.config().vocabSize() != packed.config().vocabSize()) {
            throw new IllegalArgumentException("the vocabularies have %,d and %,d tokens"
                    .formatted(published.config().vocabSize(), packed.config().vocabSize()));
        }
        this.published = published;
        this.packed = packed;
    }

    /// Compares the models on a window: each token but the first is predicted from those before it.
    ///
    /// @param tokens at least two, and at most the batch tokens of either model
    public void add(int[] tokens) {
        published.onModel(first -> packed.onModel(second -> {
            Sequence its = published.newScoringSequence(tokens);
            Sequence other = packed.newScoringSequence(tokens);
            try {
                int[] rows = IntStream.range(0, tokens.length - 1).toArray();
                MemorySegment itsHidden = first.forward(Batch.of(List.of(its)), rows);
                MemorySegment otherHidden = second.forward(Batch.of(List.of(other)), rows);
                compare(first, itsHidden, second, otherHidden, tokens);
                return rows.length;
            } finally {
                published.endScoring(its);
                packed.endScoring(other);
            }
        }));
    }

    private void compare(
            Transformer first,
            MemorySegment firstHidden,
            Transformer second,
            MemorySegment secondHidden,
            int[] tokens) {
        int vocabulary = published.config().vocabSize();
        int count = tokens.length - 1;
        int block = Math.max(1, LOGITS / vocabulary);
        for (int from = 0; from < count; from += block) {
            int start = from;
            int rows = Math.min(block, count - start);
            Logits theirs = Logits.of(first, slice(firstHidden, published, start, rows), rows, vocabulary);
            Logits ours = Logits.of(second, slice(secondHidden, packed, start, rows), rows, vocabulary);
            double[] blockDivergences = new double[rows];
            first.each(rows, row -> blockDivergences[row] = theirs.divergence(ours, row));
            for (int row = 0; row < rows; row++) {
                int target = tokens[start + row + 1];
                divergences.add(blockDivergences[row]);
                publishedLogProbability += theirs.logProbability(row, target);
                logProbability += ours.logProbability(row, target);
                agreements += theirs.likeliest[row] == ours.likeliest[row] ? 1 : 0;
            }
        }
    }

    private static MemorySegment slice(MemorySegment hidden, LoadedModel model, int from, int rows) {
        long rowBytes = (long) model.config().hiddenSize() * Float.BYTES;
        return hidden.asSlice(from * rowBytes, rows * rowBytes);
    }

    /// The logits of some rows of a model.
    ///
    /// @param numbers `[rows, vocabulary]`
    /// @param sums log Σ exp of each row
    private record Logits(MemorySegment numbers, int vocabulary, double[] sums, int[] likeliest) {
        static Logits of(Transformer model, MemorySegment hidden, int rows, int vocabulary) {
            MemorySegment logits = model.logits(hidden, rows);
            return new Logits(
                    model.logitsOnHost(rows),
                    vocabulary,
                    model.logSumExp(logits, rows),
                    model.likeliest(logits, rows, vocabulary));
        }

        double logProbability(int row, int token) {
            return numbers.getAtIndex(JAVA_FLOAT, (long) row * vocabulary + token) - sums[row];
        }

        /// Computes `Σ p · (log p - log q)` of a row, where `q` are the probabilities of `other`.
        double divergence(Logits other, int row) {
            double sum = 0;
            for (int token = 0; token < vocabulary; token++) {
                double logProbability = logProbability(row, token);
                sum += StrictMath.exp(logProbability) * (logProbability - other.logProbability(row, token));
            }
            return Math.max(0, sum); // rounding may leave a little less than nothing
        }
    }

    /// The number of tokens that were compared.
    public int tokens() {
        return divergences.size();
    }

    /// The result so far.
    ///
    /// @param text what the windows are of
    /// @throws IllegalStateException if nothing was compared
    public Fidelity result(String text) {
        int count = tokens();
        if (count == 0) {
            throw new IllegalStateException("no token was compared");
        }
        double[] sorted = divergences.stream().mapToDouble(Double::doubleValue).toArray();
        double mean = Arrays.stream(sorted).sum() / count;
        Arrays.sort(sorted);
        return new Fidelity(
                text,
                count,
                mean,
                sorted[Math.min(count - 1, (int) Math.ceil(HIGH * count))],
                StrictMath.exp(-publishedLogProbability / count),
                StrictMath.exp(-logProbability / count),
                (double) agreements / count);
    }
}
