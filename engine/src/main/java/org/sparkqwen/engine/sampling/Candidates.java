package org.sparkqwen.engine.sampling;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Set;
import org.sparkqwen.engine.constraint.TokenSet;

/// The tokens that may come next, by ascending id, each with its score. The score is a logit at first, and then a
/// weight that is proportional to the token's probability.
///
/// Filters keep the same tokens as in transformers, without sorting all: top-k with a heap of k scores, top-p with
/// buckets of similar weights, of which only one is sorted. If several tokens have the score at which a filter cuts,
/// all of them stay. An instance is made once for a thread and filled for each choice.
final class Candidates {
    /// The lowest temperature. Lower ones would be 0 in float32, and at this one sampling is greedy already.
    private static final float COLDEST = 1e-30f;

    private static final int BUCKET_SHIFT = 18;
    private static final int BUCKETS = (Float.floatToRawIntBits(1f) >>> BUCKET_SHIFT) + 1;

    private int[] tokens = {};
    private float[] scores = {};
    private float[] sorted = {};
    private float[] heap = {};
    private final double[] bucketWeights = new double[BUCKETS];
    private int count;
    private double sum; // of the weights

    /// Fills in all tokens, with their logits.
    void fill(MemorySegment logits) {
        count = Math.toIntExact(logits.byteSize() / Float.BYTES);
        reserve(count);
        MemorySegment.copy(logits, JAVA_FLOAT, 0, scores, 0, count);
        for (int i = 0; i < count; i++) {
            tokens[i] = i;
        }
    }

    /// Fills in the tokens of a set, with their logits.
    void fill(MemorySegment logits, TokenSet allowed) {
        int all = Math.toIntExact(logits.byteSize() / Float.BYTES);
        reserve(all);
        count = 0;
        for (int first = 0; first < all; first += Long.SIZE) {
            for (long word = allowed.word(first / Long.SIZE); word != 0; word &= word - 1) {
                int token = first + Long.numberOfTrailingZeros(word);
                if (token < all) {
                    tokens[count] = token;
                    scores[count++] = logits.getAtIndex(JAVA_FLOAT, token);
                }
            }
        }
    }

    private void reserve(int size) {
        if (tokens.length < size) {
            tokens = new int[size];
            scores = new float[size];
            sorted = new float[size];
        }
    }

    int count() {
        return count;
    }

    int token(int index) {
        return tokens[index];
    }

    /// The probability of a token; before there are weights, its logit.
    double probability(int index) {
        return scores[index] / sum;
    }

    float score(int index) {
        return scores[index];
    }

    void setScore(int index, float score) {
        scores[index] = score;
    }

    /// The index of a token; negative if it is not among the candidates.
    int indexOf(int token) {
        return token < count && tokens[token] == token ? token : Arrays.binarySearch(tokens, 0, count, token);
    }

    void remove(int token) {
        int index = indexOf(token);
        if (index >= 0) {
            count--;
            System.arraycopy(tokens, index + 1, tokens, index, count - index);
            System.arraycopy(scores, index + 1, scores, index, count - index);
        }
    }

    /// Removes many tokens at once.
    void removeAll(Set<Integer> some) {
        if (some.isEmpty()) {
            return;
        }
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (!some.contains(tokens[i])) {
                tokens[kept] = tokens[i];
                scores[kept++] = scores[i];
            }
        }
        count = kept;
    }

    /// The first token with the greatest score.
    int likeliest() {
        int best = 0;
        for (int i = 1; i < count; i++) {
            if (scores[i] > scores[best]) {
                best = i;
            }
        }
        return tokens[best];
    }

    /// Keeps the `k` most likely tokens.
    void keepTopK(int k) {
        if (k > 0 && k < count) {
            keepFrom(greatest(k));
        }
    }

    /// The k-th greatest score. The heap holds the k greatest so far, the least of them on top.
    private float greatest(int k) {
        if (heap.length < k) {
            heap = new float[k];
        }
        System.arraycopy(scores, 0, heap, 0, k);
        for (int i = k / 2 - 1; i >= 0; i--) {
            sift(heap[i], i, k);
        }
        for (int i = k; i < count; i++) {
            if (scores[i] > heap[0]) {
                sift(scores[i], 0, k);
            }
        }
        return heap[0];
    }

    /// Puts a score at its place in the heap, at `at` or below.
    private void sift(float score, int at, int size) {
        int hole = at;
        for (int child = 2 * hole + 1; child < size; child = 2 * hole + 1) {
            if (child + 1 < size && heap[child + 1] < heap[child]) {
                child++;
            }
            if (score <= heap[child]) {
                break;
            }
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = score;
    }

    /// Turns logits into weights: exp(logit / temperature), scaled so that the greatest is 1.
    void soften(double temperature, Exponentials exponentials) {
        float maximum = scores[0];
        for (int i = 1; i < count; i++) {
            maximum = Math.max(maximum, scores[i]);
        }
        sum = exponentials.apply(scores, count, maximum, (float) Math.clamp(temperature, COLDEST, Float.MAX_VALUE));
    }

    /// Keeps the fewest of the most likely tokens that have the share `p` of all weight together.
    void keepTopP(double p) {
        if (p == 1) {
            return;
        }
        double wanted = p * sum;
        keepFrom((float) ((1 - p) * sum / count)); // those below have less than 1 − p together, however many
        keepFrom(leastReaching(wanted));
        sum = weightOfAll();
    }

    /// The least weight that must stay, so that all tokens of that weight and above have `wanted` together.
    private float leastReaching(double wanted) {
        Arrays.fill(bucketWeights, 0);
        for (int i = 0; i < count; i++) {
            bucketWeights[bucket(scores[i])] += scores[i];
        }
        double reached = 0;
        int bucket = BUCKETS - 1;
        while (bucket > 0 && reached + bucketWeights[bucket] < wanted) {
            reached += bucketWeights[bucket--];
        }
        int inBucket = 0;
        for (int i = 0; i < count; i++) {
            if (bucket(scores[i]) == bucket) {
                sorted[inBucket++] = scores[i];
            }
        }
        Arrays.sort(sorted, 0, inBucket);
        int least = inBucket - 1;
        while (least > 0 && reached + sorted[least] < wanted) {
            reached += sorted[least--];
        }
        return least < 0 ? 0 : sorted[least];
    }

    /// The bucket of a weight of up to 1, in ascending order: 32 buckets for each power of two.
    private static int bucket(float weight) {
        return Float.floatToRawIntBits(weight) >>> BUCKET_SHIFT;
    }

    /// Keeps tokens that are at least `minP` times as likely as the most likely one, whose weight is 1.
    void keepMinP(double minP) {
        if (minP > 0) {
            keepFrom((float) minP);
            sum = weightOfAll();
        }
    }

    private double weightOfAll() {
        double weight = 0;
        for (int i = 0; i < count; i++) {
            weight += scores[i];
        }
        return weight;
    }

    private void keepFrom(float least) {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            if (scores[i] >= least) {
                tokens[kept] = tokens[i];
                scores[kept++] = scores[i];
            }
        }
        count = kept;
    }

    /// The token at which the cumulative probability passes `u`.
    ///
    /// @param u from 0 to below 1
    int at(double u) {
        double left = u * sum;
        int last = 0;
        for (int i = 0; i < count; i++) {
            if (scores[i] > 0) {
                left -= scores[i];
                last = i;
                if (left < 0) {
                    break;
                }
            }
        }
        return tokens[last];
    }
}
