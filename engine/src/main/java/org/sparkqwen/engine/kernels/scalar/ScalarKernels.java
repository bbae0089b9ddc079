package org.sparkqwen.engine.kernels.scalar;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.sparkqwen.engine.kernels.ScalarMath.LANES;
import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Arithmetic;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HostBuffers;
import org.sparkqwen.engine.kernels.HostKernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.KeyValueFormat;
import org.sparkqwen.engine.kernels.KeyValueIntegers;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.ScoredTargets;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// The scalar reference: every operation follows its formula, in the order of additions that `Kernels` promises.
final class ScalarKernels extends HostKernels {
    /// @param threads at least 1; the caller of an operation is one of them
    ScalarKernels(int threads, Precision precision) {
        super(threads, precision);
    }

    @Override
    public Buffers newBuffers() {
        return new HostBuffers();
    }

    @Override
    public void linear(MemorySegment in, int tokens, List<Projection> projections) {
        Operands.linear(in, tokens, projections);
        for (Projection projection : projections) {
            int outputs = projection.weight().outputs();
            float[] bias = new float[outputs];
            MemorySegment given = projection.bias();
            if (given != null) {
                read(given, 0, bias);
            }
            products(in, tokens, List.of(projection.weight()), (token, first, count, sums) -> {
                for (int i = 0; given != null && i < count; i++) {
                    sums[0][i] += bias[first + i];
                }
                write(sums[0], count, projection.out(), (long) token * outputs + first);
            });
        }
    }

    @Override
    public void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum) {
        Operands.linear(in, tokens, List.of(new Projection(weight, sum)));
        products(in, tokens, List.of(weight), (token, first, count, sums) -> {
            long at = (long) token * weight.outputs() + first;
            for (int i = 0; i < count; i++) {
                sums[0][i] += sum.getAtIndex(JAVA_FLOAT, at + i);
            }
            write(sums[0], count, sum, at);
        });
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        Operands.swiGlu(in, tokens, gate, up, out);
        products(in, tokens, List.of(gate, up), (token, first, count, sums) -> {
            for (int i = 0; i < count; i++) {
                sums[0][i] = ScalarMath.swiGlu(sums[0][i], sums[1][i]);
            }
            write(sums[0], count, out, (long) token * gate.outputs() + first);
        });
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        Operands.experts(in, experts, gated, sum);
        try (Arena arena = Arena.ofShared()) {
            for (ExpertRows expert : experts) {
                int hidden = expert.gate().inputs();
                int[] rows = expert.rows();
                MemorySegment x = arena.allocate(JAVA_FLOAT, (long) rows.length * hidden);
                float[] row = new float[hidden];
                for (int i = 0; i < rows.length; i++) {
                    read(in, (long) rows[i] * hidden, row);
                    write(row, hidden, x, (long) i * hidden);
                }
                swiGlu(x, rows.length, expert.gate(), expert.up(), gated);
                products(gated, rows.length, List.of(expert.down()), (token, first, count, sums) -> {
                    long at = (long) rows[token] * hidden + first;
                    for (int i = 0; i < count; i++) {
                        sums[0][i] = sum.getAtIndex(JAVA_FLOAT, at + i) + sums[0][i] * expert.shares()[token];
                    }
                    write(sums[0], count, sum, at);
                });
            }
        }
    }

    /// The consumer of a token's outputs.
    private interface Outputs {
        /// @param first the first output of a panel, with `count - 1` after it
        /// @param sums `[weights][32]`, each output's product with the token
        void take(int token, int first, int count, float[][] sums);
    }

    /// @param weights matrices of the same shape
    private void products(MemorySegment in, int tokens, List<Matrix> weights, Outputs outputs) {
        Matrix shape = weights.getFirst();
        int inputs = shape.inputs();
        team.run(shape.panelCount(), (panel, worker) -> {
            ScalarPanel[] panels =
                    weights.stream().map(weight -> panel(weight, panel)).toArray(ScalarPanel[]::new);
            float[] x = new float[inputs];
            float[][] sums = new float[panels.length][PANEL];
            int first = panel * PANEL;
            for (int token = 0; token < tokens; token++) {
                read(in, (long) token * inputs, x);
                for (int i = 0; i < panels.length; i++) {
                    Arrays.fill(sums[i], 0f);
                    panels[i].accumulate(x, sums[i], 0);
                }
                outputs.take(token, first, Math.min(PANEL, shape.outputs() - first), sums);
            }
        });
    }

    @Override
    public void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width, float epsilon) {
        Operands.rmsNorm(in, weight, out, rows, width);
        float[] scale = new float[width];
        read(weight, 0, scale);
        team.run(rows, (row, worker) -> {
            float[] x = new float[width];
            read(in, (long) row * width, x);
            norm(x, scale, epsilon);
            write(x, width, out, (long) row * width);
        });
    }

    private static void norm(float[] x, float[] weight, float epsilon) {
        float[] squares = new float[LANES];
        for (int i = 0; i < x.length; i++) {
            squares[i % LANES] = Math.fma(x[i], x[i], squares[i % LANES]);
        }
        float inverse = ScalarMath.inverseRoot(squares, x.length, epsilon);
        for (int i = 0; i < x.length; i++) {
            x[i] = weight[i] * (x[i] * inverse);
        }
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
        Operands.floats(weight, 1, headDim);
        float[] scale = new float[headDim];
        read(weight, 0, scale);
        rotate(x, heads, headDim, positions, cosines, sines, head -> norm(head, scale, epsilon));
    }

    @Override
    public void rotate(
            MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines) {
        rotate(x, heads, headDim, positions, cosines, sines, head -> {});
    }

    /// @param first what to do to a head before its rotation
    private void rotate(
            MemorySegment x,
            int heads,
            int headDim,
            int[] positions,
            MemorySegment cosines,
            MemorySegment sines,
            Consumer<float[]> first) {
        Operands.rotate(x, heads, headDim, positions, cosines, sines);
        int half = headDim / 2;
        team.run(positions.length, (token, worker) -> {
            float[] cos = new float[half];
            float[] sin = new float[half];
            read(cosines, (long) positions[token] * half, cos);
            read(sines, (long) positions[token] * half, sin);
            float[] head = new float[headDim];
            for (int h = 0; h < heads; h++) {
                long at = ((long) token * heads + h) * headDim;
                read(x, at, head);
                first.accept(head);
                for (int i = 0; i < half; i++) {
                    float left = head[i];
                    float right = head[i + half];
                    head[i] = Math.fma(-right, sin[i], left * cos[i]);
                    head[i + half] = Math.fma(left, sin[i], right * cos[i]);
                }
                write(head, headDim, x, at);
            }
        });
    }

    @Override
    public void storeKeyValues(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment keys, MemorySegment values) {
        Operands.rows(spans, keys, shape.keyValueWidth(), values, shape.keyValueWidth());
        KeyValueBlock.store(team, shape, spans, keys, values);
    }

    @Override
    public void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        Operands.rows(spans, queries, shape.queryWidth(), out, shape.queryWidth());
        for (AttentionSpan span : spans) {
            team.run(span.tokens(), (token, worker) -> {
                for (int head = 0; head < shape.heads(); head++) {
                    attend(shape, span, token, head, queries, out, scale);
                }
            });
        }
    }

    /// Computes one query's attention over all keys up to its position, with online softmax block by block. Keys
    /// after the position have probability 0 in the block that they share with it.
    private static void attend(
            AttentionShape shape,
            AttentionSpan span,
            int token,
            int head,
            MemorySegment queries,
            MemorySegment out,
            float scale) {
        int headDim = shape.headDim();
        int valueWidth = Matrix.panelCount(headDim) * PANEL;
        long at = (long) (span.row() + token) * shape.queryWidth() + (long) head * headDim;
        int keyValueHead = head / shape.group();
        int position = span.position() + token;
        KeyValueFormat format = span.format();

        float[] query = new float[headDim];
        read(queries, at, query);
        float[] keys = new float[headDim * PANEL];
        float[] values = new float[PANEL * PANEL];
        float[] scores = new float[PANEL];
        float[] weighted = new float[valueWidth];
        float sum = 0f;
        float maximum = Float.NEGATIVE_INFINITY;

        for (int index = 0; index <= position / PANEL; index++) {
            long block = Memory.addressOfBytes(span.blocks().get(index), KeyValueBlock.bytes(shape, format));
            int visible = Math.min(PANEL, position + 1 - index * PANEL);

            readKeys(format, block + KeyValueBlock.keyOffset(shape, format, keyValueHead), headDim, keys);
            Arrays.fill(scores, 0f);
            ScalarProduct.accumulate(Arithmetic.FLOATS, query, keys, scores, 0);
            float previous = maximum;
            for (int j = 0; j < visible; j++) {
                scores[j] *= scale;
                maximum = ScalarMath.greater(maximum, scores[j]);
            }

            float correction = ScalarMath.exp(previous - maximum);
            sum *= correction;
            for (int j = 0; j < PANEL; j++) {
                scores[j] = j < visible ? ScalarMath.exp(scores[j] - maximum) : 0f;
                sum += scores[j];
            }

            for (int i = 0; i < valueWidth; i++) {
                weighted[i] *= correction;
            }
            for (int column = 0; column < valueWidth; column += PANEL) {
                long first = block + KeyValueBlock.valueOffset(shape, format, keyValueHead);
                readValues(format, first, headDim, column, values);
                ScalarProduct.accumulate(Arithmetic.FLOATS, scores, values, weighted, column);
            }
        }

        float inverse = 1f / sum;
        for (int i = 0; i < headDim; i++) {
            weighted[i] = weighted[i] * inverse + 0f; // 0 for -0, on which hidden keys would have an influence
        }
        write(weighted, headDim, out, at);
    }

    @Override
    public void logProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        Operands.logProbabilities(head, in, targets, out, likeliest, moments);
        int hidden = head.inputs();
        int vocabulary = head.outputs();
        ScoredTargets scored = new ScoredTargets(vocabulary, targets, likeliest, moments);
        team.run(scored.chunks(), (chunk, worker) -> {
            int first = chunk * LogSumExp.CHUNK;
            int count = Math.min(LogSumExp.CHUNK, vocabulary - first);
            ScalarPanel[] weights = new ScalarPanel[Matrix.panelCount(count)];
            for (int panel = 0; panel < weights.length; panel++) {
                weights[panel] = panel(head, first / PANEL + panel);
            }
            float[] x = new float[hidden];
            float[] logits = new float[weights.length * PANEL];
            for (int token = 0; token < targets.length; token++) {
                read(in, (long) token * hidden, x);
                Arrays.fill(logits, 0f);
                for (int panel = 0; panel < weights.length; panel++) {
                    weights[panel].accumulate(x, logits, panel * PANEL);
                }
                int at = scored.index(token, chunk);
                reduce(logits, count, scored.maxima(), scored.sums(), at);
                if (moments != null) {
                    addMoments(logits, count, scored, at);
                }
                scored.choose(token, chunk, logits, count);
            }
        });
        for (int token = 0; token < targets.length; token++) {
            out[token] = scored.logProbability(token);
        }
    }

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        Operands.floats(logits, out.length, count);
        int chunks = LogSumExp.chunks(count);
        team.run(out.length, (row, worker) -> {
            float[] maxima = new float[chunks];
            float[] sums = new float[chunks];
            for (int chunk = 0; chunk < chunks; chunk++) {
                int first = chunk * LogSumExp.CHUNK;
                float[] part = new float[Math.min(LogSumExp.CHUNK, count - first)];
                read(logits, (long) row * count + first, part);
                reduce(part, part.length, maxima, sums, chunk);
            }
            out[row] = LogSumExp.combine(maxima, sums, 0, chunks);
        });
    }

    @Override
    public void likeliest(MemorySegment logits, int width, int count, int[] out) {
        Operands.likeliest(logits, width, count, out.length);
        team.run(out.length, (row, worker) -> {
            float[] numbers = new float[count];
            read(logits, (long) row * width, numbers);
            int best = 0;
            for (int i = 1; i < count; i++) {
                if (numbers[i] > numbers[best]) {
                    best = i;
                }
            }
            out[row] = best;
        });
    }

    @Override
    public double exponentials(float[] scores, int count, float maximum, float temperature) {
        double total = 0;
        for (int first = 0; first < count; first += LogSumExp.CHUNK) {
            float[] lanes = new float[LANES];
            for (int i = first; i < Math.min(count, first + LogSumExp.CHUNK); i++) {
                scores[i] = ScalarMath.exp((scores[i] - maximum) / temperature);
                lanes[i % LANES] += scores[i];
            }
            total += ScalarMath.fold(lanes);
        }
        return total;
    }

    @Override
    protected String name() {
        return "scalar";
    }

    /// Writes the maximum of a chunk's logits and the sum of exp(logit − maximum).
    private static void reduce(float[] logits, int count, float[] maxima, float[] sums, int at) {
        float maximum = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            maximum = ScalarMath.greater(maximum, logits[i]);
        }
        float[] lanes = new float[LANES];
        for (int i = 0; i < count; i++) {
            lanes[i % LANES] += ScalarMath.exp(logits[i] - maximum);
        }
        maxima[at] = maximum;
        sums[at] = ScalarMath.fold(lanes);
    }

    /// Writes the sums of exp(d) · d and exp(d) · d² over a chunk, with d = logit − maximum. No d is below the
    /// least number whose exponential is not 0, because 0 · −∞ would be NaN.
    private static void addMoments(float[] logits, int count, ScoredTargets scored, int at) {
        float maximum = scored.maxima()[at];
        float[] first = new float[LANES];
        float[] second = new float[LANES];
        for (int i = 0; i < count; i++) {
            float difference = ScalarMath.greater(logits[i] - maximum, ScalarMath.EXP_MIN);
            float weighted = ScalarMath.exp(difference) * difference;
            first[i % LANES] += weighted;
            second[i % LANES] = Math.fma(weighted, difference, second[i % LANES]);
        }
        scored.firstMoments()[at] = ScalarMath.fold(first);
        scored.secondMoments()[at] = ScalarMath.fold(second);
    }

    private ScalarPanel panel(Matrix weight, int panel) {
        return ScalarPanel.of(weight, panel, precision.arithmetic(weight.format()));
    }

    private static void readKeys(KeyValueFormat format, long from, int headDim, float[] to) {
        switch (format) {
            case F32, BF16 -> read(format, from, to);
            case INT8 -> KeyValueIntegers.readKeys(from, headDim, to);
        }
    }

    private static void readValues(KeyValueFormat format, long from, int headDim, int column, float[] to) {
        switch (format) {
            case F32, BF16 -> read(format, from + (long) column * PANEL * format.bytes(), to);
            case INT8 -> KeyValueIntegers.readValues(from, headDim, column, to);
        }
    }

    /// Reads a panel of keys or values as floats.
    private static void read(KeyValueFormat format, long from, float[] to) {
        for (int i = 0; i < to.length; i++) {
            int column = i % PANEL;
            to[i] = format.get(from + (long) (i - column) * format.bytes() + format.offset(column));
        }
    }

    private static void read(MemorySegment from, long index, float[] to) {
        MemorySegment.copy(from, JAVA_FLOAT, index * Float.BYTES, to, 0, to.length);
    }

    private static void write(float[] from, int count, MemorySegment to, long index) {
        MemorySegment.copy(from, 0, to, JAVA_FLOAT, index * Float.BYTES, count);
    }
}
