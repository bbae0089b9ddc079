package org.sparkqwen.engine.kernels.vector;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.FLOATS;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.LANES;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.load;
import static org.sparkqwen.engine.kernels.vector.OuterProduct.store;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.ThreadTeam;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;
import org.sparkqwen.engine.kernels.vector.VectorKernels.PanelGroup;

/// Computes `Kernels.addExperts` on vectors. The rows of many experts pass in two products, each shared by all threads,
/// so that experts with few rows keep no thread waiting.
///
/// In the first product a thread takes some panels of one expert's gate and up. In the second it takes some outputs of
/// all experts, one after the other, so one thread computes each sum, and its terms come in the order of the experts.
final class VectorMixture {
    /// The number of parts of gate and up that each thread should have.
    private static final int GATED_PARTS_PER_THREAD = 8;

    /// The most panels of gate and of up in a part.
    private static final int GATED_PANELS = 4;

    /// The number of parts of the outputs that each thread should have. They are few and wide, because a part reads
    /// and writes a piece of each row's sum, and rows lie on pages of their own.
    private static final int OUTPUT_PARTS_PER_THREAD = 2;

    /// The most panels of outputs in a part: as many as its sums have room for.
    private static final int OUTPUT_PANELS = TiledProduct.PANELS;

    private final ThreadTeam team;
    private final PackedActivations packed;
    private final TiledProduct[] products; // each worker's

    VectorMixture(ThreadTeam team, PackedActivations packed, TiledProduct[] products) {
        this.team = team;
        this.packed = packed;
        this.products = products;
    }

    /// A run of one expert's rows that meet its panels together.
    ///
    /// @param from index of the first row among the expert's
    /// @param gatedRow index of the first row among all that are gated
    /// @param slot index of the first row among those that are packed
    private record Run(ExpertRows expert, int from, int count, int gatedRow, int slot) {}

    /// @param in checked by `Operands.experts`, as the other operands are
    void addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        int hidden = experts.getFirst().gate().inputs();
        int intermediate = experts.getFirst().gate().outputs();
        long x = in.address();
        long y = sum.address();
        long between = gated.address();
        long rowBytes = (long) hidden * Float.BYTES;
        long gatedBytes = (long) intermediate * Float.BYTES;

        List<Run> runs = runs(experts);
        pack(runs, hidden, (run, i) -> x + run.expert().rows()[run.from() + i] * rowBytes);
        gate(runs, between);
        pack(runs, intermediate, (run, i) -> between + (run.gatedRow() + i) * gatedBytes);
        addOutputs(runs, y);
    }

    /// Cuts each expert's rows into runs of about the same length, because a short run would read the weights for
    /// little work.
    private static List<Run> runs(List<ExpertRows> experts) {
        List<Run> runs = new ArrayList<>();
        int gatedRow = 0;
        int slot = 0;
        for (ExpertRows expert : experts) {
            int rows = expert.rows().length;
            int even = Math.ceilDiv(rows, Math.ceilDiv(rows, TiledProduct.TOKENS));
            int size = Math.ceilDiv(even, OuterProduct.TILE) * OuterProduct.TILE;
            for (int from = 0; from < rows; from += size) {
                int count = Math.min(size, rows - from);
                runs.add(new Run(expert, from, count, gatedRow, slot));
                gatedRow += count;
                slot += Tiling.height(count);
            }
        }
        return runs;
    }

    private interface RowAddress {
        long of(Run run, int row);
    }

    private void pack(List<Run> runs, int inputs, RowAddress address) {
        List<PackedActivations.Tile> tiles = new ArrayList<>();
        int end = 0;
        for (Run run : runs) {
            end = PackedActivations.addTiles(tiles, run.slot(), run.count(), i -> address.of(run, i));
        }
        packed.pack(tiles, end, inputs);
    }

    /// @param gated address of `[rows, intermediate]`
    private void gate(List<Run> runs, long gated) {
        Matrix shape = runs.getFirst().expert().gate();
        int size = groupSize(runs, runs.size() * shape.panelCount(), GATED_PARTS_PER_THREAD, GATED_PANELS);
        int groups = Math.ceilDiv(shape.panelCount(), size);
        team.run(runs.size() * groups, (part, worker) -> {
            Run run = runs.get(part / groups);
            Matrix gate = run.expert().gate();
            Matrix up = run.expert().up();
            int panel = part % groups * size;
            int panels = Math.min(size, shape.panelCount() - panel);
            TiledProduct product = products[worker];
            int next = panel + size < shape.panelCount() ? panel + size : panel;
            multiply(product, run, gate, panel, panels, 0, up, panel);
            multiply(product, run, up, panel, panels, panels, gate, next);
            PanelGroup gates = new PanelGroup(gate, panel, panels, 0, gated);
            VectorKernels.writeGated(product.sums(), run.count(), gates, run.gatedRow());
        });
    }

    /// @param sum address of `[batch, hidden]`
    private void addOutputs(List<Run> runs, long sum) {
        Matrix shape = runs.getFirst().expert().down();
        int outputs = shape.outputs();
        int size = groupSize(runs, shape.panelCount(), OUTPUT_PARTS_PER_THREAD, OUTPUT_PANELS);
        team.run(Math.ceilDiv(shape.panelCount(), size), (part, worker) -> {
            int panel = part * size;
            int panels = Math.min(size, shape.panelCount() - panel);
            TiledProduct product = products[worker];
            for (int index = 0; index < runs.size(); index++) {
                Run run = runs.get(index);
                ExpertRows expert = run.expert();
                Matrix next =
                        runs.get(Math.min(index + 1, runs.size() - 1)).expert().down();
                multiply(product, run, expert.down(), panel, panels, 0, next, panel);
                int height = Tiling.height(run.count());
                for (int i = 0; i < run.count(); i++) {
                    int row = expert.rows()[run.from() + i];
                    float share = expert.shares()[run.from() + i];
                    for (int slot = 0; slot < panels; slot++) {
                        int column = (panel + slot) * PANEL;
                        int count = Math.min(PANEL, outputs - column);
                        long to = sum + ((long) row * outputs + column) * Float.BYTES;
                        int at = TiledProduct.index(slot, height, i);
                        if (count == PANEL) {
                            addShare(product.sums(), at, PANEL, share, to); // a constant, as in VectorKernels
                        } else {
                            addShare(product.sums(), at, count, share, to);
                        }
                    }
                }
            }
        });
    }

    /// The number of panels of a part.
    ///
    /// @param panels number of panels of the layer
    private int groupSize(List<Run> runs, int panels, int partsPerThread, int most) {
        boolean alone = runs.stream().allMatch(run -> run.count() == 1);
        return Math.clamp(panels / (partsPerThread * team.threads()), alone ? TiledProduct.PANELS_OF_ONE : 1, most);
    }

    private void multiply(
            TiledProduct product, Run run, Matrix weight, int panel, int panels, int slot, Matrix next, int nextPanel) {
        product.multiply(packed, run.slot(), run.count(), weight, panel, panels, slot, next, nextPanel);
    }

    private static void addShare(float[] products, int index, int count, float share, long to) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            long at = to + (long) i * Float.BYTES;
            store(
                    load(at).add(FloatVector.fromArray(FLOATS, products, index + i)
                            .mul(share)),
                    at);
        }
        for (; i < count; i++) {
            long at = to + (long) i * Float.BYTES;
            Memory.setFloat(at, Memory.getFloat(at) + products[index + i] * share);
        }
    }
}
