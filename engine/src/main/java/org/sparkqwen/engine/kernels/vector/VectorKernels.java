package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.ScoredTargets;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// The operations of [Kernels] in the Vector API. They give the bits of `ScalarKernels`.
final class VectorKernels extends RowKernels {
    /// The number of parts of a linear layer that each thread should have, so that the last one to end does not
    /// keep the others waiting for long.
    private static final int PARTS_PER_THREAD = 16;

    private final PackedActivations packed;
    private final TiledProduct[] products; // each worker's
    private final VectorMixture mixture;
    private final VectorAttention[] attentions;
    private final FewRowAttention[] fewRowAttentions;

    /// @param threads at least 1; the caller of an operation is one of them
    VectorKernels(int threads, Precision precision) {
        super(threads, precision);
        packed = new PackedActivations(team);
        products = new TiledProduct[threads];
        Arrays.setAll(products, worker -> new TiledProduct(precision));
        mixture = new VectorMixture(team, packed, products);
        attentions = new VectorAttention[threads];
        Arrays.setAll(attentions, worker -> new VectorAttention());
        fewRowAttentions = new FewRowAttention[threads];
        Arrays.setAll(fewRowAttentions, worker -> new FewRowAttention());
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
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        Operands.experts(in, experts, gated, sum);
        mixture.addExperts(in, experts, gated, sum);
    }

    @Override
    protected int attentionRows() {
        return VectorAttention.ROWS;
    }

    @Override
    protected void attendFew(
            int worker, AttentionShape shape, AttentionTile tile, long queries, long out, float scale) {
        fewRowAttentions[worker].attend(shape, tile, queries, out, scale);
    }

    @Override
    protected void attendMany(
            int worker, AttentionShape shape, AttentionTile tile, long queries, long out, float scale) {
        attentions[worker].attend(shape, tile, queries, out, scale);
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
        int chunks = scored.chunks();
        long x = in.address();
        packed(x, targets.length, hidden, chunks, (chunk, tokens, worker) -> {
            TiledProduct product = products[worker];
            int panel = chunk * TiledProduct.PANELS;
            int panels = Math.min(TiledProduct.PANELS, head.panelCount() - panel);
            int nextPanel = chunk < chunks - 1 ? panel + TiledProduct.PANELS : panel;
            PanelGroup group = new PanelGroup(head, panel, panels, 0, 0);
            multiply(product, tokens, group, 0, new PanelGroup(head, nextPanel, 1, 0, 0));
            int height = Tiling.height(tokens.count());
            int width = Math.min(LogSumExp.CHUNK, vocabulary - chunk * LogSumExp.CHUNK);
            float[] logits = chunk(worker);
            for (int i = 0; i < tokens.count(); i++) {
                for (int slot = 0; slot < panels; slot++) {
                    int from = TiledProduct.index(slot, height, i);
                    System.arraycopy(product.sums(), from, logits, slot * PANEL, PANEL);
                }
                int row = tokens.row() + i;
                scored.choose(row, chunk, logits, width);
                reduce(logits, width, scored, scored.index(row, chunk));
            }
        });
        team.run(targets.length, (row, worker) -> out[row] = scored.logProbability(row));
    }

    @Override
    protected String name() {
        return "vector %d-bit".formatted(LANES * Float.SIZE);
    }

    @Override
    public void close() {
        super.close();
        for (VectorAttention attention : attentions) {
            attention.close();
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
