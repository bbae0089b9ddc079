package org.sparkqwen.engine.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.sparkqwen.engine.kernels.ExpertRows;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Operands;

/// Mixtures of experts on the device: the experts of a group are computed in two products.
final class CudaMixture {
    private final Gpu gpu;
    private final Arguments arguments;
    private final DeviceOperands operands;
    private final DeviceWeights weights;
    private final Uploads uploads;
    private final Products products;
    private final TiledRows inputTiles;
    private final TiledRows gatedTiles;
    private final Gpu.Scratch outputs;

    /// @param arguments free for a kernel's arguments at each call
    CudaMixture(
            Gpu gpu,
            Arguments arguments,
            DeviceOperands operands,
            DeviceWeights weights,
            Uploads uploads,
            Products products) {
        this.gpu = gpu;
        this.arguments = arguments;
        this.operands = operands;
        this.weights = weights;
        this.uploads = uploads;
        this.products = products;
        inputTiles = new TiledRows(gpu);
        gatedTiles = new TiledRows(gpu);
        outputs = new Gpu.Scratch(gpu);
    }

    /// Adds the outputs of experts, see [Kernels#addExperts].
    void add(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        Operands.experts(in, experts, gated, sum);
        gpu.use();
        int hidden = experts.getFirst().gate().inputs();
        long to = operands.written(sum, 0);
        int batchRows = 0;
        List<ExpertGroup.Placed> placed = new ArrayList<>();
        for (ExpertRows expert : experts) {
            for (int row : expert.rows()) {
                batchRows = Math.max(batchRows, row + 1);
            }
            placed.add(new ExpertGroup.Placed(
                    expert, weights.inTurns(expert.gate(), expert.up()), weights.sideBySide(List.of(expert.down()))));
        }
        long from = operands.writtenTiles(in, batchRows, hidden);
        for (ExpertGroup group : ExpertGroup.of(placed, batchRows)) {
            add(group, from, in, hidden, experts.getFirst().gate().outputs(), to);
        }
    }

    /// Computes the experts of a group in two products, and adds each token's outputs.
    ///
    /// @param from address of the tiles of `in`; 0 if it has float32 numbers
    private void add(ExpertGroup group, long from, MemorySegment in, int hidden, int intermediate, long sum) {
        uploads.require(group.tableBytes());
        int count = group.rows().length;
        long rows = uploads.ints(group.rows());
        Products.Experts gateAndUp = new Products.Experts(uploads.longs(group.gateAndUp()), group.rowsOfTile());
        Products.Experts down = new Products.Experts(uploads.longs(group.down()), group.rowsOfTile());
        long starts = uploads.ints(group.starts());
        long places = uploads.ints(group.places());
        long shares = uploads.floats(group.shares());
        long inputs = inputTiles.reserve(count, hidden, operands.parts());
        if (from == 0) {
            operands.split(operands.read(in), rows, count, hidden, inputs);
        } else {
            arguments
                    .clear()
                    .add(from)
                    .add(rows)
                    .add(inputs)
                    .add(operands.parts())
                    .add(TiledRows.tiles(hidden));
            gpu.launch("rows", "gatherTiles", count, 1, Gpu.ROW_THREADS, arguments);
        }
        long between = operands.reserve(gatedTiles, count, intermediate);
        products.swiGlu(inputs, count, group.gateAndUpForm(), gateAndUp, intermediate, between);
        long ofExperts = outputs.reserve((long) count * hidden * Float.BYTES);
        products.store(between, count, group.downForm(), down, hidden, ofExperts);
        arguments
                .clear()
                .add(ofExperts)
                .add(starts)
                .add(places)
                .add(shares)
                .add(sum)
                .add(hidden);
        gpu.launch("rows", "addShares", group.starts().length - 1, 1, Gpu.ROW_THREADS, arguments);
    }

    void free() {
        inputTiles.free();
        gatedTiles.free();
        outputs.free();
    }
}
