package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.AttentionSpan;
import org.sparkqwen.engine.kernels.Buffers;
import org.sparkqwen.engine.kernels.EmbeddingTable;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.HostBuffers;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.KeyValueBlock;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Lookup;
import org.sparkqwen.engine.kernels.Matrix;
import org.sparkqwen.engine.kernels.Memory;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.PartProbe;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.Router;
import org.sparkqwen.engine.kernels.Routes;
import org.sparkqwen.engine.kernels.ScalarMath;
import org.sparkqwen.engine.kernels.ThreadTeam;

/// The operations of [Kernels] in the Vector API. They give the bits of `ScalarKernels`.
final class VectorKernels implements Kernels {
    /// The number of floats that an element-wise operation gives a thread at a time.
    private static final int GRAIN = 1 << 14;

    /// The number of parts of a linear layer that each thread should have, so that the last one to end does not
    /// keep the others waiting for long.
    private static final int PARTS_PER_THREAD = 16;

    private final ThreadTeam team;
    private final PackedActivations packed;
    private final TiledProduct[] products; // each worker's
    private final float[][] rows; // each worker's, for a chunk of one token's logits
    private final VectorMixture mixture;
    private final VectorAttention[] attentions;
    private final FewRowAttention[] fewRowAttentions;

    /// @param threads at least 1; the caller of an operation is one of them
    public VectorKernels(int threads) {
        team = ThreadTeam.start(threads);
        packed = new PackedActivations(team);
        products = new TiledProduct[threads];
        Arrays.setAll(products, worker -> new TiledProduct());
        rows = new float[threads][LogSumExp.CHUNK];
        mixture = new VectorMixture(team, packed, products);
        attentions = new VectorAttention[threads];
        Arrays.setAll(attentions, worker -> new VectorAttention());
        fewRowAttentions = new FewRowAttention[threads];
        Arrays.setAll(fewRowAttentions, worker -> new FewRowAttention());
    }

    @Override
    public Buffers newBuffers() {
        return new HostBuffers();
    }

    @Override
    public void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        Lookup.embed(team, table, tokens, out);
    }

    @Override
    public void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        Lookup.gatherRows(team, in, width, rows, out);
    }

    @Override
    public void linear(MemorySegment in, int tokens, List<Projection> projections) {
        Operands.linear(in, tokens, projections);
        products(in, tokens, groups(projections, tokens, TiledProduct.PANELS), WRITE);
    }

    @Override
    public void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum) {
        List<Projection> projection = List.of(new Projection(weight, sum));
        Operands.linear(in, tokens, projection);
        products(in, tokens, groups(projection, tokens, TiledProduct.PANELS), VectorKernels::addTo);
    }

    /// The consumer of one token's outputs of a panel.
    private interface Output {
        /// @param bias address of the first output's bias; 0 if there is none
        void put(float[] sums, int at, int count, long bias, long to);
    }

    private static final Output WRITE = VectorKernels::writeWithBias;

    private void products(MemorySegment in, int tokens, List<PanelGroup> groups, Output output) {
        int inputs = groups.getFirst().weight().inputs();
        packed(in.address(), tokens, inputs, groups.size(), (index, rows, worker) -> {
            PanelGroup group = groups.get(index);
            TiledProduct product = products[worker];
            multiply(product, rows, group, 0, following(groups, index));
            put(product.sums(), rows.count(), group, rows.row(), output);
        });
    }

    /// @param sums the sums of [TiledProduct]
    /// @param row the first token's row among all of the operation
    private static void put(float[] sums, int tokens, PanelGroup group, int row, Output output) {
        int outputs = group.weight().outputs();
        int height = Tiling.height(tokens);
        for (int i = 0; i < tokens; i++) {
            for (int panel = 0; panel < group.count(); panel++) {
                int column = (group.first() + panel) * PANEL;
                int count = Math.min(PANEL, outputs - column);
                long bias = group.bias() == 0 ? 0 : group.bias() + (long) panel * PANEL * Float.BYTES;
                long out = group.out() + ((long) (row + i) * outputs + column) * Float.BYTES;
                int at = TiledProduct.index(panel, height, i);
                if (count == PANEL) {
                    output.put(sums, at, PANEL, bias, out); // a constant, with which the compiler needs no loop
                } else {
                    output.put(sums, at, count, bias, out);
                }
            }
        }
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        Operands.swiGlu(in, tokens, gate, up, out);
        int inputs = gate.inputs();
        long x = in.address();
        int most = TiledProduct.PANELS / 2; // the ups' sums need as much room as the gates'
        List<PanelGroup> groups = groups(List.of(new Projection(gate, out)), tokens, most);
        packed(x, tokens, inputs, groups.size(), (index, rows, worker) -> {
            PanelGroup gates = groups.get(index);
            PanelGroup ups = new PanelGroup(up, gates.first(), gates.count(), 0, gates.out());
            TiledProduct product = products[worker];
            multiply(product, rows, gates, 0, ups);
            multiply(product, rows, ups, gates.count(), following(groups, index));
            writeGated(product.sums(), rows.count(), gates, rows.row());
        });
    }

    /// Writes the gated products of gates and ups; the sums of the ups follow those of the gates.
    ///
    /// @param sums the sums of [TiledProduct], the gates first
    /// @param row the first token's row among all of the operation
    static void writeGated(float[] sums, int tokens, PanelGroup gates, int row) {
        int ups = TiledProduct.index(gates.count(), Tiling.height(tokens), 0);
        for (int i = 0; i < ups; i += LANES) {
            FloatVector up = FloatVector.fromArray(FLOATS, sums, ups + i);
            VectorMath.swiGlu(FloatVector.fromArray(FLOATS, sums, i), up).intoArray(sums, i);
        }
        put(sums, tokens, gates, row, WRITE);
    }

    /// Packs an operation's tokens, as many at a time as fit, and runs `part` for each group of outputs with all of
    /// them, range by range.
    ///
    /// @param in address of `[tokens, inputs]`
    private void packed(long in, int tokens, int inputs, int groups, PackedPart part) {
        int block = PackedActivations.blockTokens(inputs);
        for (int start = 0; start < tokens; start += block) {
            int first = start;
            int count = Math.min(block, tokens - first);
            packed.pack(in + (long) first * inputs * Float.BYTES, count, inputs);
            team.run(groups * Math.ceilDiv(count, TiledProduct.TOKENS), (index, worker) -> {
                int token = index / groups * TiledProduct.TOKENS;
                int length = Math.min(TiledProduct.TOKENS, count - token);
                part.run(index % groups, new PackedRows(token, length, first + token), worker);
            });
        }
    }

    /// A range of packed tokens.
    ///
    /// @param token the first token's index among those that are packed
    /// @param row the first token's row among all tokens of the operation
    private record PackedRows(int token, int count, int row) {}

    private interface PackedPart {
        void run(int group, PackedRows rows, int worker);
    }

    /// Consecutive panels of a layer.
    ///
    /// @param bias address of the biases of these panels' outputs; 0 if there are none
    /// @param out address of the layer's outputs
    record PanelGroup(Matrix weight, int first, int count, long bias, long out) {}

    /// The group of panels that the thread which has the one at `index` will probably need after it.
    private static PanelGroup following(List<PanelGroup> groups, int index) {
        return groups.get(Math.min(index + 1, groups.size() - 1));
    }

    /// Cuts the layers into groups of panels. Groups are small if there would otherwise not be enough for all
    /// threads. Otherwise they are large, because tokens that the second-level cache does not hold are loaded again
    /// for each group.
    ///
    /// @param most the most panels of a group
    private List<PanelGroup> groups(List<Projection> projections, int tokens, int most) {
        int all = projections.stream()
                .mapToInt(projection -> projection.weight().panelCount())
                .sum();
        int parts = all * Math.ceilDiv(tokens, TiledProduct.TOKENS);
        int size =
                tokens == 1 ? TiledProduct.PANELS_OF_ONE : Math.clamp(parts / (PARTS_PER_THREAD * threads()), 1, most);
        List<PanelGroup> groups = new ArrayList<>();
        for (Projection projection : projections) {
            Matrix weight = projection.weight();
            long out = projection.out().address();
            MemorySegment biases = projection.bias();
            for (int panel = 0; panel < weight.panelCount(); panel += size) {
                long bias = biases == null ? 0 : biases.address() + (long) panel * PANEL * Float.BYTES;
                groups.add(new PanelGroup(weight, panel, Math.min(size, weight.panelCount() - panel), bias, out));
            }
        }
        return groups;
    }

    /// Multiplies packed tokens with a group of panels.
    private void multiply(TiledProduct product, PackedRows rows, PanelGroup panels, int slot, PanelGroup next) {
        product.multiply(
                packed,
                rows.token(),
                rows.count(),
                panels.weight(),
                panels.first(),
                panels.count(),
                slot,
                next.weight(),
                next.first());
    }

    @Override
    public Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        Operands.route(logits, tokens, experts, perToken);
        return Router.route(team, logits, tokens, experts, perToken, normalised);
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        Operands.experts(in, experts, gated, sum);
        mixture.addExperts(in, experts, gated, sum);
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
        KeyValueBlock.store(team, shape, spans, keys, values);
    }

    @Override
    public void attention(
            AttentionShape shape, List<AttentionSpan> spans, MemorySegment queries, MemorySegment out, float scale) {
        Operands.rows(spans, queries, shape.queryWidth(), out, shape.queryWidth());
        long q = queries.address();
        long y = out.address();
        List<AttentionTile> tiles = VectorAttention.tiles(shape, spans);
        team.run(tiles.size(), (part, worker) -> {
            AttentionTile tile = tiles.get(part);
            if (tile.rows(shape) <= FewRowAttention.ROWS) {
                fewRowAttentions[worker].attend(shape, tile, q, y, scale);
            } else {
                attentions[worker].attend(shape, tile, q, y, scale);
            }
        });
    }

    @Override
    public void logProbabilities(Matrix head, MemorySegment in, int[] targets, double[] out, boolean[] likeliest) {
        Operands.logProbabilities(head, in, targets, out, likeliest);
        int hidden = head.inputs();
        int vocabulary = head.outputs();
        int chunks = LogSumExp.chunks(vocabulary);
        long x = in.address();
        float[] maxima = new float[targets.length * chunks];
        float[] chunkSums = new float[targets.length * chunks];
        float[] chosen = new float[targets.length];
        packed(x, targets.length, hidden, chunks, (chunk, tokens, worker) -> {
            TiledProduct product = products[worker];
            int panel = chunk * TiledProduct.PANELS;
            int panels = Math.min(TiledProduct.PANELS, head.panelCount() - panel);
            int nextPanel = chunk < chunks - 1 ? panel + TiledProduct.PANELS : panel;
            PanelGroup group = new PanelGroup(head, panel, panels, 0, 0);
            multiply(product, tokens, group, 0, new PanelGroup(head, nextPanel, 1, 0, 0));
            int height = Tiling.height(tokens.count());
            int width = Math.min(LogSumExp.CHUNK, vocabulary - chunk * LogSumExp.CHUNK);
            float[] logits = rows[worker];
            for (int i = 0; i < tokens.count(); i++) {
                for (int slot = 0; slot < panels; slot++) {
                    int from = TiledProduct.index(slot, height, i);
                    System.arraycopy(product.sums(), from, logits, slot * PANEL, PANEL);
                }
                int row = tokens.row() + i;
                int logit = targets[row] - chunk * LogSumExp.CHUNK;
                if (logit >= 0 && logit < LogSumExp.CHUNK) {
                    chosen[row] = logits[logit];
                    likeliest[row] = ScalarMath.isFirstOfGreatest(logits, 0, width, logit);
                }
                reduce(logits, width, maxima, chunkSums, row * chunks + chunk);
            }
        });
        team.run(targets.length, (row, worker) -> {
            out[row] = chosen[row] - LogSumExp.combine(maxima, chunkSums, row * chunks, chunks);
            int chunk = targets[row] / LogSumExp.CHUNK;
            likeliest[row] &= ScalarMath.isFirstOfGreatest(maxima, row * chunks, chunks, chunk);
        });
    }

    @Override
    public void logSumExp(MemorySegment logits, int count, double[] out) {
        Operands.floats(logits, out.length, count);
        long address = logits.address();
        int chunks = LogSumExp.chunks(count);
        float[] maxima = new float[out.length * chunks];
        float[] chunkSums = new float[out.length * chunks];
        team.run(out.length * chunks, (part, worker) -> {
            int first = part % chunks * LogSumExp.CHUNK;
            int width = Math.min(LogSumExp.CHUNK, count - first);
            float[] chunkLogits = rows[worker];
            read(address + ((long) part / chunks * count + first) * Float.BYTES, chunkLogits, 0, width);
            reduce(chunkLogits, width, maxima, chunkSums, part);
        });
        for (int row = 0; row < out.length; row++) {
            out[row] = LogSumExp.combine(maxima, chunkSums, row * chunks, chunks);
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

    @Override
    public void each(int count, IntConsumer work) {
        team.run(count, (part, worker) -> work.accept(part));
    }

    /// Writes the maximum of a chunk's logits and the sum of exp(logit − maximum).
    private static void reduce(float[] logits, int count, float[] maxima, float[] sums, int at) {
        int whole = count - count % ScalarMath.LANES;
        FloatVector greatest = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        for (int i = 0; i < whole; i += LANES) {
            greatest = VectorMath.greater(greatest, FloatVector.fromArray(FLOATS, logits, i));
        }
        float maximum = greatest.reduceLanes(VectorOperators.MAX);
        for (int i = whole; i < count; i++) {
            maximum = ScalarMath.greater(maximum, logits[i]);
        }
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

    @Override
    public void measurePeak(@Nullable PartProbe probe) {
        team.measurePeak(probe);
    }

    @Override
    public int threads() {
        return team.threads();
    }

    @Override
    public String description() {
        return "vector %d-bit, %d thread(s)".formatted(LANES * Float.SIZE, threads());
    }

    @Override
    public void close() {
        team.close();
        for (VectorAttention attention : attentions) {
            attention.close();
        }
    }

    static void read(long from, float[] to, int index, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            load(from + (long) i * Float.BYTES).intoArray(to, index + i);
        }
        for (; i < count; i++) {
            to[index + i] = Memory.getFloat(from + (long) i * Float.BYTES);
        }
    }

    static void write(float[] from, int index, int count, long to) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            store(FloatVector.fromArray(FLOATS, from, index + i), to + (long) i * Float.BYTES);
        }
        for (; i < count; i++) {
            Memory.setFloat(to + (long) i * Float.BYTES, from[index + i]);
        }
    }

    private static void writeWithBias(float[] from, int index, int count, long bias, long to) {
        if (bias == 0) {
            write(from, index, count, to);
            return;
        }
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long offset = (long) i * Float.BYTES;
            store(FloatVector.fromArray(FLOATS, from, index + i).add(load(bias + offset)), to + offset);
        }
        for (; i < count; i++) {
            long offset = (long) i * Float.BYTES;
            Memory.setFloat(to + offset, from[index + i] + Memory.getFloat(bias + offset));
        }
    }

    private static void addTo(float[] addends, int index, int count, long bias, long to) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long at = to + (long) i * Float.BYTES;
            store(load(at).add(FloatVector.fromArray(FLOATS, addends, index + i)), at);
        }
        for (; i < count; i++) {
            long at = to + (long) i * Float.BYTES;
            Memory.setFloat(at, Memory.getFloat(at) + addends[index + i]);
        }
    }
}
