package org.sparkqwen.engine.kernels.code;

import static org.sparkqwen.engine.kernels.format.Matrix.PANEL;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.ThreadTeam;
import org.sparkqwen.engine.kernels.code.CodeKernels.PanelGroup;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Computes `Kernels.addExperts` in machine code. The rows of many experts pass in two products, each shared by all
/// threads, so that experts with few rows keep no thread waiting.
///
/// In the first product a thread takes some panels of one expert's gate and up. In the second it takes some outputs of
/// all experts, one after the other, so one thread computes each sum, and its terms come in the order of the experts.
final class CodeMixture {
    /// The number of parts of gate and up that each thread should have.
    private static final int GATED_PARTS_PER_THREAD = 8;

    /// The most panels of gate and of up in a part: as many as their sums have room for.
    private static final int GATED_PANELS = PanelProduct.PANELS / 2;

    /// The number of parts of the outputs that each thread should have. They are few and wide, because a part
    /// copies all rows, and reads and writes a piece of each row's sum.
    private static final int OUTPUT_PARTS_PER_THREAD = 2;

    private final ThreadTeam team;
    private final PanelProduct[] products; // each worker's
    private final Finish[] finishes; // each worker's

    CodeMixture(ThreadTeam team, PanelProduct[] products, Finish[] finishes) {
        this.team = team;
        this.products = products;
        this.finishes = finishes;
    }

    /// A run of one expert's rows that meet its panels together.
    ///
    /// @param from index of the first row among the expert's
    /// @param gatedRow index of the first row among all that are gated
    private record Run(ExpertRows expert, int from, int count, int gatedRow) {}

    /// @param in checked by `Operands.experts`, as the other operands are
    /// @param blocks the number of blocks before
    /// @return the number of blocks after
    long addExperts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum, long blocks) {
        List<Run> runs = new ArrayList<>();
        int gatedRow = 0;
        for (ExpertRows expert : experts) {
            int rows = expert.rows().length;
            int size = products[0].blockRows(rows);
            for (int from = 0; from < rows; from += size) {
                int count = Math.min(size, rows - from);
                runs.add(new Run(expert, from, count, gatedRow));
                gatedRow += count;
            }
        }
        gate(runs, in.address(), gated.address(), blocks);
        addOutputs(runs, gated.address(), sum.address(), blocks + runs.size());
        return blocks + 2L * runs.size();
    }

    /// @param in address of `[batch, hidden]`
    /// @param gated address of `[rows, intermediate]`
    private void gate(List<Run> runs, long in, long gated, long blocks) {
        Matrix shape = runs.getFirst().expert().gate();
        int inputs = shape.inputs();
        int whole = shape.outputs() / PANEL;
        int parts = GATED_PARTS_PER_THREAD * team.threads();
        int size = Math.clamp((long) runs.size() * shape.panelCount() / parts, 1, GATED_PANELS);
        int wholeGroups = Math.ceilDiv(whole, size);
        int groups = wholeGroups + (whole < shape.panelCount() ? 1 : 0); // an incomplete panel is a group of its own
        team.run(runs.size() * groups, (part, worker) -> {
            Run run = runs.get(part / groups);
            Matrix gate = run.expert().gate();
            int index = part % groups;
            int panel = index < wholeGroups ? index * size : whole;
            int panels = index < wholeGroups ? Math.min(size, whole - panel) : 1;
            PanelProduct product = products[worker];
            int[] rows = run.expert().rows();
            product.take(
                    blocks + part / groups,
                    row -> in + (long) rows[run.from() + row] * inputs * Float.BYTES,
                    run.count(),
                    inputs);
            product.multiply(gate, panel, panels, 0);
            product.multiply(run.expert().up(), panel, panels, panels);
            finishes[worker].gate(product, new PanelGroup(gate, panel, panels, 0, gated), run.gatedRow());
        });
    }

    /// @param gated address of `[rows, intermediate]`
    /// @param sum address of `[batch, hidden]`
    private void addOutputs(List<Run> runs, long gated, long sum, long blocks) {
        Matrix shape = runs.getFirst().expert().down();
        int inputs = shape.inputs();
        int outputs = shape.outputs();
        int size = Math.clamp(shape.panelCount() / (OUTPUT_PARTS_PER_THREAD * team.threads()), 1, PanelProduct.PANELS);
        team.run(Math.ceilDiv(shape.panelCount(), size), (part, worker) -> {
            int panel = part * size;
            int panels = Math.min(size, shape.panelCount() - panel);
            int columns = Math.min(panels * PANEL, outputs - panel * PANEL);
            PanelProduct product = products[worker];
            for (int index = 0; index < runs.size(); index++) {
                Run run = runs.get(index);
                long from = gated + (long) run.gatedRow() * inputs * Float.BYTES;
                product.take(blocks + index, from, run.count(), inputs);
                product.multiply(run.expert().down(), panel, panels, 0);
                for (int i = 0; i < run.count(); i++) {
                    int row = run.expert().rows()[run.from() + i];
                    float share = run.expert().shares()[run.from() + i];
                    long to = sum + ((long) row * outputs + (long) panel * PANEL) * Float.BYTES;
                    finishes[worker].addScaled(product, i, columns, share, to);
                }
            }
        });
    }
}
