package org.sparkqwen.engine.kernels.cuda;

import java.util.List;

/// Starts the products of `product.cu`: it chooses the tiles of the output, on which no bit depends.
final class Products {
    /// The most matrices side by side whose outputs have buffers of their own.
    static final int SEGMENTS = 3;

    private static final int SHARED_BYTES_OF_TILE = TiledRows.TILE_BYTES;

    /// What becomes of the outputs, as in `product.cu`.
    private enum Epilogue {
        STORE(0),
        ADD(1),
        SWIGLU(2),
        SCORE(3),
        ADD_SHARE(4);

        /// The number of the epilogue in product.cu.
        private final int number;

        Epilogue(int number) {
            this.number = number;
        }
    }

    /// The buffer of one of several matrices.
    ///
    /// @param bias address; 0 for none
    /// @param first the matrix's first column
    record Segment(long out, long bias, int first, int outputs) {}

    /// The tiles of the output, and what a block of threads takes for them.
    ///
    /// @param cost the time of a tile, in some unit
    private record Tiling(int rows, int columns, int stages, int blocks, double cost) {
        int threads() {
            return 128 * (rows / 64) + 32;
        }

        int shared(int rowParts, int weightParts) {
            return stages * (rowParts * rows / 64 + weightParts * columns / 64) * SHARED_BYTES_OF_TILE;
        }
    }

    private final Gpu gpu;
    private final Arguments arguments;
    private final int parts;

    /// @param arguments free for a kernel's arguments at each call
    /// @param parts bfloat16 numbers that stand for an activation
    Products(Gpu gpu, Arguments arguments, int parts) {
        this.gpu = gpu;
        this.arguments = arguments;
        this.parts = parts;
    }

    /// Computes the outputs of matrices side by side.
    void store(long tiles, int rows, DeviceWeights.Tiled weights, List<Segment> segments) {
        Segment last = segments.getLast();
        int outputs = last.first() + last.outputs();
        begin(tiles, rows, outputs, weights);
        arguments.add(segments.size());
        for (int i = 0; i < SEGMENTS; i++) {
            Segment segment = i < segments.size() ? segments.get(i) : new Segment(0, 0, 0, 0);
            arguments
                    .add(segment.out())
                    .add(segment.bias())
                    .add(segment.first())
                    .add(segment.outputs());
        }
        end(0, 0, 0, 0, 0, 0, 0, 0);
        launch(Epilogue.STORE, rows, outputs, weights);
    }

    /// Adds the outputs to `sum`, `[rows, outputs]`.
    void add(long tiles, int rows, DeviceWeights.Tiled weights, int outputs, long sum) {
        begin(tiles, rows, outputs, weights);
        oneSegment(sum, outputs);
        end(0, 0, 0, 0, 0, 0, 0, 0);
        launch(Epilogue.ADD, rows, outputs, weights);
    }

    /// Writes tiles of `silu(gate) · up`.
    ///
    /// @param outputs of the gate
    void swiGlu(long tiles, int rows, DeviceWeights.Tiled weights, int outputs, long to) {
        begin(tiles, rows, 2 * outputs, weights);
        oneSegment(0, 0);
        end(to, TiledRows.tiles(outputs), 0, 0, 0, 0, 0, 0);
        launch(Epilogue.SWIGLU, rows, 2 * outputs, weights);
    }

    /// Reduces the outputs to chunks of 128, and keeps those of the targets.
    void score(long tiles, int rows, DeviceWeights.Tiled weights, int outputs, long chunks, long targets, long chosen) {
        begin(tiles, rows, outputs, weights);
        oneSegment(0, 0);
        end(0, 0, Math.ceilDiv(outputs, 128), chunks, targets, chosen, 0, 0);
        launch(Epilogue.SCORE, rows, outputs, weights);
    }

    /// Adds the outputs of each row, times its share, to another row of `sum`.
    void addShares(
            long tiles, int rows, DeviceWeights.Tiled weights, int outputs, long sum, long destinations, long shares) {
        begin(tiles, rows, outputs, weights);
        oneSegment(sum, outputs);
        end(0, 0, 0, 0, 0, 0, destinations, shares);
        launch(Epilogue.ADD_SHARE, rows, outputs, weights);
    }

    private void begin(long tiles, int rows, int outputs, DeviceWeights.Tiled weights) {
        arguments.clear().add(tiles).add(weights.tiles()).add(rows).add(outputs);
        arguments.add(weights.inputTiles()).add(TiledRows.tiles(rows)).add(weights.outputTiles());
    }

    private void oneSegment(long out, int outputs) {
        arguments.add(1).add(out).add(0L).add(0).add(outputs);
        for (int i = 1; i < SEGMENTS; i++) {
            arguments.add(0L).add(0L).add(0).add(0);
        }
    }

    private void end(
            long to,
            int toInputTiles,
            int chunksOfRow,
            long chunks,
            long targets,
            long chosen,
            long destinations,
            long shares) {
        arguments
                .add(to)
                .add(toInputTiles)
                .add(chunksOfRow)
                .add(chunks)
                .add(targets)
                .add(chosen);
        arguments.add(destinations).add(shares);
    }

    private void launch(Epilogue epilogue, int rows, int outputs, DeviceWeights.Tiled weights) {
        if (rows == 0) {
            return;
        }
        Tiling many = weights.parts() == 2 ? new Tiling(128, 128, 3, 1, 0.55) : new Tiling(128, 256, 5 - parts, 1, 1);
        Tiling few = new Tiling(64, 64, weights.parts() == 2 ? 3 : 8 - 2 * parts, 2, 0.19);
        Tiling tiling = switch (epilogue) {
            case SCORE -> many;
            case ADD_SHARE -> few;
            case STORE, ADD, SWIGLU -> cost(many, rows, outputs) <= cost(few, rows, outputs) ? many : few;
        };
        String name = "_Z7productILi%dELi%dELi%dELi%dELi%dELi%dELi%dEEv7Product"
                .formatted(
                        epilogue.number,
                        tiling.rows(),
                        tiling.columns(),
                        parts,
                        weights.parts(),
                        tiling.stages(),
                        tiling.blocks());
        int shared = tiling.shared(parts, weights.parts());
        long kernel = gpu.kernel("product", name, shared);
        int blocks = (int) Math.min(tiles(tiling, rows, outputs), (long) gpu.multiprocessors() * tiling.blocks());
        gpu.launch(kernel, blocks, 1, tiling.threads(), shared, arguments);
    }

    private static long tiles(Tiling tiling, int rows, int outputs) {
        return (long) Math.ceilDiv(rows, tiling.rows()) * Math.ceilDiv(outputs, tiling.columns());
    }

    private double cost(Tiling tiling, int rows, int outputs) {
        long atOnce = (long) gpu.multiprocessors() * tiling.blocks();
        return Math.ceilDiv(tiles(tiling, rows, outputs), atOnce) * tiling.cost() * tiling.blocks();
    }
}
