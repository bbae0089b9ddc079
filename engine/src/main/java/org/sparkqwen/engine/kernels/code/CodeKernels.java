package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.AttentionShape;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.LogSumExp;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.Precision;
import org.sparkqwen.engine.kernels.ProductBurst;
import org.sparkqwen.engine.kernels.Projection;
import org.sparkqwen.engine.kernels.ScoredTargets;
import org.sparkqwen.engine.kernels.code.Tiles.Rows;
import org.sparkqwen.engine.kernels.code.builder.Functions;
import org.sparkqwen.engine.kernels.code.x86.InstructionSet;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.WeightFormat;
import org.sparkqwen.engine.kernels.vector.AttentionTile;
import org.sparkqwen.engine.kernels.vector.RowKernels;

/// The operations of `Kernels` in machine code. They give the bits of `ScalarKernels`.
///
/// A part of a product is a block of rows with a group of panels. The parts of a block follow each other, so a thread
/// copies few blocks.
final class CodeKernels extends RowKernels {
    /// The number of parts of a product that each thread should have, so that the last one to end does not keep the
    /// others waiting for long.
    private static final int PARTS_PER_THREAD = 32;

    private final PanelProduct[] products; // each worker's
    private final Finish[] finishes; // each worker's
    private final CodeAttention[] attentions;
    private final CodeFewRowAttention[] fewRowAttentions;
    private final CodeMixture mixture;
    private final InstructionSet set;
    private long blocks; // the number of blocks so far, so that no two have the same number

    /// @param threads at least 1; the caller of an operation is one of them
    /// @param set what float32 arithmetic uses; other precisions need AVX-512
    CodeKernels(int threads, Precision precision, InstructionSet set) {
        super(threads, precision);
        this.set = set;
        Functions functions = Functions.of(set);
        products = new PanelProduct[threads];
        Arrays.setAll(products, worker -> new PanelProduct(precision, functions));
        finishes = new Finish[threads];
        Arrays.setAll(finishes, worker -> new Finish(functions));
        attentions = new CodeAttention[threads];
        Arrays.setAll(attentions, worker -> new CodeAttention(functions));
        fewRowAttentions = new CodeFewRowAttention[threads];
        Arrays.setAll(fewRowAttentions, worker -> new CodeFewRowAttention(functions));
        mixture = new CodeMixture(team, products, finishes);
    }

    /// Consecutive panels of a layer.
    ///
    /// @param bias address of the layer's biases; 0 if there are none
    /// @param out address of the layer's outputs, `[rows, outputs]`
    record PanelGroup(Matrix weight, int first, int count, long bias, long out) {
        /// Whether results can go to their destination as they are: there is no bias, and all panels are
        /// complete.
        boolean isPlain() {
            return bias == 0 && (first + count) * PANEL <= weight.outputs();
        }

        /// The place of the results of a row and of the rows after it.
        Rows to(int row) {
            long stride = (long) weight.outputs() * Float.BYTES;
            return new Rows(out + row * stride + (long) first * PANEL * Float.BYTES, stride);
        }
    }

    @Override
    public void linear(MemorySegment in, int tokens, List<Projection> projections) {
        Operands.linear(in, tokens, projections);
        products(in, tokens, projections, false);
    }

    @Override
    public void addLinear(MemorySegment in, int tokens, Matrix weight, MemorySegment sum) {
        List<Projection> projection = List.of(new Projection(weight, sum));
        Operands.linear(in, tokens, projection);
        products(in, tokens, projection, true);
    }

    private void products(MemorySegment in, int tokens, List<Projection> projections, boolean adds) {
        int inputs = projections.getFirst().weight().inputs();
        List<PanelGroup> groups = groups(projections, tokens, PanelProduct.PANELS);
        eachPart(in, tokens, inputs, groups.size(), (index, row, worker) -> {
            PanelGroup group = groups.get(index);
            PanelProduct product = products[worker];
            if (group.isPlain()) {
                product.multiply(group.weight(), group.first(), group.count(), group.to(row), adds);
            } else {
                product.multiply(group.weight(), group.first(), group.count(), 0);
                Finish.write(product, group, row, adds);
            }
        });
    }

    @Override
    public void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        Operands.swiGlu(in, tokens, gate, up, out);
        int most = PanelProduct.PANELS / 2; // the ups' sums need as much room as the gates'
        List<PanelGroup> groups = groups(List.of(new Projection(gate, out)), tokens, most);
        eachPart(in, tokens, gate.inputs(), groups.size(), (index, row, worker) -> {
            PanelGroup group = groups.get(index);
            PanelProduct product = products[worker];
            product.multiply(gate, group.first(), group.count(), 0);
            product.multiply(up, group.first(), group.count(), group.count());
            finishes[worker].gate(product, group, row);
        });
    }

    /// The work of a part: `index` is that of its panels, and `row` that of the block's first row.
    private interface Part {
        void run(int index, int row, int worker);
    }

    /// Runs `part` for each block of rows with each group of panels.
    ///
    /// @param in `[rows, inputs]`
    private void eachPart(MemorySegment in, int rows, int inputs, int groups, Part part) {
        long address = in.address();
        int size = products[0].blockRows(rows);
        int count = Math.ceilDiv(rows, size);
        long before = blocks;
        blocks += count;
        team.run(count * groups, (index, worker) -> {
            int block = index / groups;
            int row = block * size;
            long from = address + (long) row * inputs * Float.BYTES;
            products[worker].take(before + block, from, Math.min(size, rows - row), inputs);
            part.run(index % groups, row, worker);
        });
    }

    /// Cuts the layers into groups of panels.
    ///
    /// @param most the most panels of a group
    private List<PanelGroup> groups(List<Projection> projections, int rows, int most) {
        int all = projections.stream()
                .mapToInt(projection -> projection.weight().panelCount())
                .sum();
        int parts = all * Math.ceilDiv(rows, PanelProduct.ROWS);
        int size = Math.clamp(parts / (PARTS_PER_THREAD * threads()), 1, most);
        List<PanelGroup> groups = new ArrayList<>();
        for (Projection projection : projections) {
            Matrix weight = projection.weight();
            long out = projection.out().address();
            long bias = projection.bias() == null ? 0 : projection.bias().address();
            int whole = weight.outputs() / PANEL; // an incomplete panel is a group of its own
            for (int panel = 0; panel < whole; panel += size) {
                groups.add(new PanelGroup(weight, panel, Math.min(size, whole - panel), bias, out));
            }
            if (whole < weight.panelCount()) {
                groups.add(new PanelGroup(weight, whole, 1, bias, out));
            }
        }
        return groups;
    }

    @Override
    public void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        Operands.experts(in, experts, gated, sum);
        blocks = mixture.addExperts(in, experts, gated, sum, blocks);
    }

    @Override
    protected int attentionRows() {
        return CodeAttention.ROWS;
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
        int vocabulary = head.outputs();
        ScoredTargets scored = new ScoredTargets(vocabulary, targets, likeliest, moments);
        int chunks = scored.chunks();
        eachPart(in, targets.length, head.inputs(), chunks, (chunk, first, worker) -> {
            PanelProduct product = products[worker];
            int panel = chunk * PanelProduct.PANELS;
            int panels = Math.min(PanelProduct.PANELS, head.panelCount() - panel);
            product.multiply(head, panel, panels, 0);
            int width = Math.min(LogSumExp.CHUNK, vocabulary - chunk * LogSumExp.CHUNK);
            boolean complete = width == panels * PANEL;
            if (complete) {
                finishes[worker].logSumExp(product, panels, scored, first, chunk);
            }
            for (int i = 0; i < product.rows(); i++) {
                int row = first + i;
                if (complete && !scored.isIn(row, chunk)) {
                    continue;
                }
                float[] logits = chunk(worker);
                for (int slot = 0; slot < panels; slot++) {
                    read(product.sums(slot) + i * Tiles.PANEL_ROW, logits, slot * PANEL, PANEL);
                }
                scored.choose(row, chunk, logits, width);
                if (!complete) {
                    reduce(logits, width, scored, scored.index(row, chunk));
                }
            }
        });
        team.run(targets.length, (row, worker) -> out[row] = scored.logProbability(row));
    }

    @Override
    public Optional<ProductBurst> productBurst(WeightFormat format) {
        return InstructionBurst.of(precision.arithmetic(format), CodeProvider.hasAmxBytes());
    }

    @Override
    protected String name() {
        return "code " + set;
    }

    @Override
    public void close() {
        super.close();
        for (int worker = 0; worker < products.length; worker++) {
            products[worker].close();
            finishes[worker].close();
            attentions[worker].close();
            fewRowAttentions[worker].close();
        }
    }
}
