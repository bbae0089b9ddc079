package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.HostBuffers;
import org.sparkqwen.engine.kernels.HostKernels;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.ScoredTargets;
import org.sparkqwen.engine.kernels.format.Memory;

/// The operations of [Kernels] that compute each row by itself, in the Vector API: norms, rotary embedding, storing
/// keys and values, and reductions of logits. They give the bits of `ScalarKernels`. A back-end for processors with
/// vectors adds its products and its attention.
public abstract class RowKernels extends HostKernels {
    /// The number of floats that an element-wise operation gives a thread at a time.
    private static final int GRAIN = 1 << 14;

    private final float[][] chunks; // each worker's, for a chunk of one token's logits
    private final KeyValueWriter[] keyValueWriters; // each worker's

    /// @param threads at least 1; the caller of an operation is one of them
    protected RowKernels(int threads, Precision precision) {
        super(threads, precision);
        chunks = new float[threads][LogSumExp.CHUNK];
        keyValueWriters = new KeyValueWriter[threads];
        Arrays.setAll(keyValueWriters, worker -> new KeyValueWriter());
    }

    /// A worker's room for a chunk of one token's logits.
    protected final float[] chunk(int worker) {
        return chunks[worker];
    }

    @Override
    public Buffers newBuffers() {
        return new HostBuffers();
    }

    @Override
    public void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon) {
        Operands.rmsNorm(in, weight, out, rows, width);
        long x = in.address();
        long w = weight.address();
        long y = out.address();
        int grain = Math.max(1, GRAIN / width);
        team.run(Math.ceilDiv(rows, grain), (part, worker) -> {
            for (int row = part * grain; row < Math.min(rows, (part + 1) * grain); row++) {
                long offset = (long) row * width * Float.BYTES;
                rmsNormRow(x + offset, w, y + offset, width, epsilon);
            }
        });
    }

    private static void rmsNormRow(long in, long weight, long out, int width, float epsilon) {
        float inverse = inverseRoot(in, width, epsilon);
        int i = 0;
        for (; i <= width - LANES; i += LANES) {
            long offset = (long) i * Float.BYTES;
            store(load(weight + offset).mul(load(in + offset).mul(inverse)), out + offset);
        }
        for (; i < width; i++) {
            long offset = (long) i * Float.BYTES;
            Memory.setFloat(out + offset, Memory.getFloat(weight + offset) * (Memory.getFloat(in + offset) * inverse));
        }
    }

    private static float inverseRoot(long in, int width, float epsilon) {
        float[] squares = new float[ScalarMath.LANES];
        int whole = width - width % ScalarMath.LANES;
        for (int lane = 0; lane < ScalarMath.LANES; lane += LANES) {
            FloatVector sum = FloatVector.zero(FLOATS);
            for (int i = lane; i < whole; i += ScalarMath.LANES) {
                FloatVector x = load(in + (long) i * Float.BYTES);
                sum = x.fma(x, sum);
            }
            sum.intoArray(squares, lane);
        }
        for (int i = whole; i < width; i++) {
            float x = Memory.getFloat(in + (long) i * Float.BYTES);
            squares[i - whole] = Math.fma(x, x, squares[i - whole]);
        }
        return ScalarMath.inverseRoot(squares, width, epsilon);
    }

    @Override
    public void normAndRotate(
            MemorySegment x,
            MemorySegment weight,
            float epsilon,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines) {
        long w = Memory.address(weight, headDim);
        int half = headDim / 2;
        eachHead(x, heads, headDim, positions, cosines, sines, (head, cos, sin) -> {
            rmsNormRow(head, w, head, headDim, epsilon);
            rotateHead(head, half, cos, sin);
        });
    }

    @Override
    public void rotate(
            MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines) {
        int half = headDim / 2;
        eachHead(x, heads, headDim, positions, cosines, sines, (head, cos, sin) -> rotateHead(head, half, cos, sin));
    }

    /// The work on one head of a token, with the cosines and sines of its position; all are addresses.
    private interface HeadWork {
        void run(long head, long cosines, long sines);
    }

    private void eachHead(
            MemorySegment x,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines,
            HeadWork work) {
        int width = heads * headDim;
        int half = headDim / 2;
        Operands.rotate(x, heads, headDim, positions, cosines, sines);
        long address = x.address();
        long cos = cosines.address();
        long sin = sines.address();
        int grain = Math.max(1, GRAIN / width);
        team.run(Math.ceilDiv(positions.length, grain), (part, worker) -> {
            for (int token = part * grain; token < Math.min(positions.length, (part + 1) * grain); token++) {
                long angles = (long) positions[token] * half * Float.BYTES;
                for (int head = 0; head < heads; head++) {
                    long at = address + ((long) token * width + (long) head * headDim) * Float.BYTES;
                    work.run(at, cos + angles, sin + angles);
                }
            }
        });
    }

    private static void rotateHead(long x, int half, long cosines, long sines) {
        long other = (long) half * Float.BYTES;
        int i = 0;
        for (; i <= half - LANES; i += LANES) {
            long offset = (long) i * Float.BYTES;
            FloatVector first = load(x + offset);
            FloatVector second = load(x + other + offset);
            FloatVector cos = load(cosines + offset);
            FloatVector sin = load(sines + offset);
            store(second.neg().fma(sin, first.mul(cos)), x + offset);
            store(first.fma(sin, second.mul(cos)), x + other + offset);
        }
        for (; i < half; i++) {
            long offset = (long) i * Float.BYTES;
            float first = Memory.getFloat(x + offset);
            float second = Memory.getFloat(x + other + offset);
            float cos = Memory.getFloat(cosines + offset);
            float sin = Memory.getFloat(sines + offset);
            Memory.setFloat(x + offset, Math.fma(-second, sin, first * cos));
            Memory.setFloat(x + other + offset, Math.fma(first, sin, second * cos));
        }
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        Operands.rows(spans, keys, shape.keyValueWidth(), values, shape.keyValueWidth());
        long k = keys.address();
        long v = values.address();
        List<KeyValueBlock.Part> parts = KeyValueBlock.parts(spans);
        team.run(parts.size(), (part, worker) -> keyValueWriters[worker].write(shape, parts.get(part), k, v));
    }

    @Override
    public final void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        Operands.rows(spans, queries, shape.queryWidth(), out, shape.queryWidth());
        long q = queries.address();
        long y = out.address();
        List<AttentionTile> tiles = AttentionTile.cut(shape, spans, attentionRows());
        team.run(tiles.size(), (part, worker) -> {
            AttentionTile tile = tiles.get(part);
            if (tile.rows(shape) <= FewRowAttention.ROWS) {
                attendFew(worker, shape, tile, q, y, scale);
            } else {
                attendMany(worker, shape, tile, q, y, scale);
            }
        });
    }

    /// The approximate number of rows of a tile.
    protected abstract int attentionRows();

    /// Computes attention of a tile of at most [FewRowAttention#ROWS] rows.
    ///
    /// @param queries address of the batch's queries
    /// @param out address of the batch's outputs
    protected abstract void attendFew(
            int worker, AttentionShape shape, AttentionTile tile, long queries, long out, float scale);

    /// Computes attention of a tile of many rows.
    ///
    /// @param queries address of the batch's queries
    /// @param out address of the batch's outputs
    protected abstract void attendMany(
            int worker, AttentionShape shape, AttentionTile tile, long queries, long out, float scale);

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        Operands.floats(logits, out.length, count);
        long address = logits.address();
        int perRow = LogSumExp.chunks(count);
        float[] maxima = new float[out.length * perRow];
        float[] chunkSums = new float[out.length * perRow];
        team.run(out.length * perRow, (part, worker) -> {
            int first = part % perRow * LogSumExp.CHUNK;
            int width = Math.min(LogSumExp.CHUNK, count - first);
            float[] chunkLogits = chunk(worker);
            read(address + ((long) part / perRow * count + first) * Float.BYTES, chunkLogits, 0, width);
            reduce(chunkLogits, width, maxima, chunkSums, part);
        });
        for (int row = 0; row < out.length; row++) {
            out[row] = LogSumExp.combine(maxima, chunkSums, row * perRow, perRow);
        }
    }

    @Override
    public void likeliest(MemorySegment logits, int width, int count, int[] out) {
        Operands.likeliest(logits, width, count, out.length);
        long address = logits.address();
        team.run(out.length, (row, worker) -> out[row] = likeliest(address + (long) row * width * Float.BYTES, count));
    }

    private static int likeliest(long row, int count) {
        int whole = count - count % LANES;
        FloatVector greatest = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        for (int i = 0; i < whole; i += LANES) {
            greatest = VectorMath.greater(greatest, load(row + (long) i * Float.BYTES));
        }
        float maximum = greatest.reduceLanes(VectorOperators.MAX);
        for (int i = whole; i < count; i++) {
            maximum = ScalarMath.greater(maximum, Memory.getFloat(row + (long) i * Float.BYTES));
        }
        int first = 0;
        while (first + LANES < count
                && !load(row + (long) first * Float.BYTES)
                        .compare(VectorOperators.EQ, maximum)
                        .anyTrue()) {
            first += LANES;
        }
        while (first < count - 1 && Memory.getFloat(row + (long) first * Float.BYTES) != maximum) {
            first++;
        }
        return first;
    }

    @Override
    public double exponentials(float[] scores, int count, float maximum, float temperature) {
        double total = 0;
        float[] lanes = new float[ScalarMath.LANES];
        for (int first = 0; first < count; first += LogSumExp.CHUNK) {
            int end = Math.min(count, first + LogSumExp.CHUNK);
            int whole = end - (end - first) % ScalarMath.LANES;
            for (int lane = 0; lane < ScalarMath.LANES; lane += LANES) {
                FloatVector sum = FloatVector.zero(FLOATS);
                for (int i = first + lane; i < whole; i += ScalarMath.LANES) {
                    FloatVector scaled = FloatVector.fromArray(FLOATS, scores, i)
                            .sub(maximum)
                            .div(temperature);
                    FloatVector weight = VectorMath.exp(scaled);
                    weight.intoArray(scores, i);
                    sum = sum.add(weight);
                }
                sum.intoArray(lanes, lane);
            }
            for (int i = whole; i < end; i++) {
                scores[i] = ScalarMath.exp((scores[i] - maximum) / temperature);
                lanes[i - whole] += scores[i];
            }
            total += ScalarMath.fold(lanes);
        }
        return total;
    }

    /// Writes the maximum of a chunk's logits and the sum of exp(logit − maximum).
    protected static void reduce(float[] logits, int count, float[] maxima, float[] sums, int at) {
        float maximum = greatest(logits, count);
        int whole = count - count % ScalarMath.LANES;
        float[] lanes = new float[ScalarMath.LANES];
        for (int lane = 0; lane < ScalarMath.LANES; lane += LANES) {
            FloatVector sum = FloatVector.zero(FLOATS);
            for (int i = lane; i < whole; i += ScalarMath.LANES) {
                sum = sum.add(
                        VectorMath.exp(FloatVector.fromArray(FLOATS, logits, i).sub(maximum)));
            }
            sum.intoArray(lanes, lane);
        }
        for (int i = whole; i < count; i++) {
            lanes[i - whole] += ScalarMath.exp(logits[i] - maximum);
        }
        maxima[at] = maximum;
        sums[at] = ScalarMath.fold(lanes);
    }

    private static float greatest(float[] logits, int count) {
        int whole = count - count % ScalarMath.LANES;
        FloatVector greatest = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        for (int i = 0; i < whole; i += LANES) {
            greatest = VectorMath.greater(greatest, FloatVector.fromArray(FLOATS, logits, i));
        }
        float maximum = greatest.reduceLanes(VectorOperators.MAX);
        for (int i = whole; i < count; i++) {
            maximum = ScalarMath.greater(maximum, logits[i]);
        }
        return maximum;
    }

    /// Writes what [ScoredTargets] keeps of a chunk's logits.
    protected static void reduce(float[] logits, int count, ScoredTargets scored, int at) {
        if (scored.hasMoments()) {
            reduceWithMoments(logits, count, scored, at);
        } else {
            reduce(logits, count, scored.maxima(), scored.sums(), at);
        }
    }

    private static void reduceWithMoments(float[] logits, int count, ScoredTargets scored, int at) {
        float maximum = greatest(logits, count);
        FloatVector least = FloatVector.broadcast(FLOATS, ScalarMath.EXP_MIN);
        int whole = count - count % ScalarMath.LANES;
        float[] zeroth = new float[ScalarMath.LANES];
        float[] first = new float[ScalarMath.LANES];
        float[] second = new float[ScalarMath.LANES];
        for (int lane = 0; lane < ScalarMath.LANES; lane += LANES) {
            FloatVector exponentials = FloatVector.zero(FLOATS);
            FloatVector products = FloatVector.zero(FLOATS);
            FloatVector squares = FloatVector.zero(FLOATS);
            for (int i = lane; i < whole; i += ScalarMath.LANES) {
                FloatVector logit = FloatVector.fromArray(FLOATS, logits, i);
                FloatVector difference = VectorMath.greater(logit.sub(maximum), least); // 0 · −∞ would be NaN
                FloatVector exponential = VectorMath.exp(difference);
                FloatVector product = exponential.mul(difference);
                exponentials = exponentials.add(exponential);
                products = products.add(product);
                squares = product.fma(difference, squares);
            }
            exponentials.intoArray(zeroth, lane);
            products.intoArray(first, lane);
            squares.intoArray(second, lane);
        }
        for (int i = whole; i < count; i++) {
            float difference = ScalarMath.greater(logits[i] - maximum, ScalarMath.EXP_MIN);
            float exponential = ScalarMath.exp(difference);
            float product = exponential * difference;
            zeroth[i - whole] += exponential;
            first[i - whole] += product;
            second[i - whole] = Math.fma(product, difference, second[i - whole]);
        }
        scored.maxima()[at] = maximum;
        scored.sums()[at] = ScalarMath.fold(zeroth);
        scored.firstMoments()[at] = ScalarMath.fold(first);
        scored.secondMoments()[at] = ScalarMath.fold(second);
    }

    protected static void read(long from, float[] to, int index, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            load(from + (long) i * Float.BYTES).intoArray(to, index + i);
        }
        for (; i < count; i++) {
            to[index + i] = Memory.getFloat(from + (long) i * Float.BYTES);
        }
    }

    protected static void write(float[] from, int index, int count, long to) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            store(FloatVector.fromArray(FLOATS, from, index + i), to + (long) i * Float.BYTES);
        }
        for (; i < count; i++) {
            Memory.setFloat(to + (long) i * Float.BYTES, from[index + i]);
        }
    }
}
