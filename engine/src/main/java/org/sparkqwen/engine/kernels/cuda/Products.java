package org.sparkqwen.engine.kernels.cuda;

import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Starts the products of `product.cu`: it chooses the tiles of the output, on which no bit depends.
final class Products {
    /// The most matrices side by side whose outputs have buffers of their own.
    static final int SEGMENTS = 3;

    /// The outputs of a row that [#score] reduces together, see `product.cu`.
    private static final int CHUNK = 128;

    /// The bytes of a row of a tile.
    private static final int ROW_BYTES = TiledRows.TILE * Short.BYTES;

    /// The steps whose integers are there as wide numbers, and the parts of such a number, together.
    private static final int WIDE_STAGES = 4;

    /// What becomes of the outputs, as in `product.cu`.
    private enum Epilogue {
        STORE(0),
        ADD(1),
        SWIGLU(2),
        SCORE(3);

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

    /// The weights of rows that are those of several experts.
    ///
    /// @param ofRowTile address of the addresses of the weights of each 64 rows
    /// @param rows rows that have the same weights, at least: 64 or 128
    record Experts(long ofRowTile, int rows) {}

    /// The tiles of the output, and what a block of threads takes for them.
    ///
    /// @param blocks blocks of threads that run on a multiprocessor at a time
    /// @param cost the time of a round of tiles, in some unit
    private record Tiling(int rows, int columns, int stages, int blocks, double cost) {
        /// @param widening groups of warps that widen integers
        int threads(int widening) {
            return 128 * (rows / 64 + widening) + 32;
        }

        /// The bytes of shared memory of a block of threads, as `product.cuh` divides it.
        int shared(int rowParts, DeviceWeights.Tiled weights) {
            int ofRows = rowParts * rows * ROW_BYTES;
            int ofWeights = weights.parts() * columns * ROW_BYTES;
            if (weights.form() == DeviceWeights.Form.TILES) {
                return stages * (ofRows + ofWeights);
            }
            int ofIntegers = columns / TiledRows.TILE * weights.form().tileBytes();
            return stages * (ofRows + ofIntegers) + (WIDE_STAGES - weights.parts()) * ofWeights;
        }
    }

    // The tilings by the parts of activations and weights, the first for many rows. Costs are those that were measured
    // with 256 rows.
    private static final List<Tiling> ONE_PART =
            List.of(new Tiling(128, 256, 4, 1, 1), new Tiling(64, 128, 4, 2, 0.6), new Tiling(64, 64, 6, 2, 0.38));

    private static final List<Tiling> TWO_PARTS_OF_ROWS =
            List.of(new Tiling(128, 256, 3, 1, 1), new Tiling(128, 128, 4, 1, 0.53), new Tiling(64, 64, 4, 2, 0.32));
    private static final List<Tiling> TWO_PARTS =
            List.of(new Tiling(128, 128, 3, 1, 0.55), new Tiling(64, 64, 3, 2, 0.38));
    private static final List<Tiling> INTEGERS_OF_ONE_PART =
            List.of(new Tiling(128, 128, 7, 1, 1), new Tiling(64, 64, 7, 2, 0.6));
    private static final List<Tiling> INTEGERS_OF_TWO_PARTS =
            List.of(new Tiling(128, 128, 4, 1, 1), new Tiling(64, 64, 3, 2, 0.6));

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
        begin(tiles, rows, outputs, weights, null);
        segments(segments);
        end(0, 0, 0, 0, 0, 0);
        launch(Epilogue.STORE, rows, outputs, weights, null);
    }

    /// Computes the outputs of each expert's rows.
    void store(long tiles, int rows, DeviceWeights.Tiled weights, Experts experts, int outputs, long out) {
        begin(tiles, rows, outputs, weights, experts);
        segments(List.of(new Segment(out, 0, 0, outputs)));
        end(0, 0, 0, 0, 0, 0);
        launch(Epilogue.STORE, rows, outputs, weights, experts);
    }

    /// Adds the outputs to `sum`, `[rows, outputs]`.
    void add(long tiles, int rows, DeviceWeights.Tiled weights, int outputs, long sum) {
        begin(tiles, rows, outputs, weights, null);
        segments(List.of(new Segment(sum, 0, 0, outputs)));
        end(0, 0, 0, 0, 0, 0);
        launch(Epilogue.ADD, rows, outputs, weights, null);
    }

    /// Writes tiles of `silu(gate) · up`.
    ///
    /// @param experts null if all rows have the same weights
    /// @param outputs of the gate
    void swiGlu(long tiles, int rows, DeviceWeights.Tiled weights, @Nullable Experts experts, int outputs, long to) {
        begin(tiles, rows, 2 * outputs, weights, experts);
        segments(List.of());
        end(to, TiledRows.tiles(outputs), 0, 0, 0, 0);
        launch(Epilogue.SWIGLU, rows, 2 * outputs, weights, experts);
    }

    /// Reduces each [chunk][#chunks] of outputs to a few numbers, and keeps those of the targets.
    void score(long tiles, int rows, DeviceWeights.Tiled weights, int outputs, long chunks, long targets, long chosen) {
        begin(tiles, rows, outputs, weights, null);
        segments(List.of());
        end(0, 0, chunks(outputs), chunks, targets, chosen);
        launch(Epilogue.SCORE, rows, outputs, weights, null);
    }

    /// The chunks of a row of outputs that are reduced together.
    static int chunks(int outputs) {
        return Math.ceilDiv(outputs, CHUNK);
    }

    private void begin(long tiles, int rows, int outputs, DeviceWeights.Tiled weights, @Nullable Experts experts) {
        arguments.clear().add(tiles).add(weights.tiles()).add(experts == null ? 0 : experts.ofRowTile());
        arguments.add(rows).add(outputs).add(weights.inputTiles());
        arguments.add(TiledRows.tiles(rows)).add(weights.outputTiles());
    }

    private void segments(List<Segment> segments) {
        arguments.add(segments.size());
        for (int i = 0; i < SEGMENTS; i++) {
            Segment segment = i < segments.size() ? segments.get(i) : new Segment(0, 0, 0, 0);
            arguments
                    .add(segment.out())
                    .add(segment.bias())
                    .add(segment.first())
                    .add(segment.outputs());
        }
    }

    private void end(long to, int toInputTiles, int chunksOfRow, long chunks, long targets, long chosen) {
        arguments
                .add(to)
                .add(toInputTiles)
                .add(chunksOfRow)
                .add(chunks)
                .add(targets)
                .add(chosen);
    }

    private void launch(
            Epilogue epilogue, int rows, int outputs, DeviceWeights.Tiled weights, @Nullable Experts experts) {
        if (rows == 0) {
            return;
        }
        List<Tiling> tilings = tilings(weights);
        Tiling tiling = tilings.getFirst();
        if (epilogue != Epilogue.SCORE) {
            tiling = tilings.stream()
                    .filter(each -> experts == null || each.rows() <= experts.rows())
                    .min(Comparator.comparingDouble(each -> cost(each, rows, outputs)))
                    .orElseThrow();
        }
        boolean widens = weights.form() != DeviceWeights.Form.TILES;
        String name = "_Z7productILi%dELi%dELi%dELi%dELi%dELi%dELi%dELi%dEEv7Product"
                .formatted(
                        epilogue.number,
                        tiling.rows(),
                        tiling.columns(),
                        parts,
                        weights.parts(),
                        weights.form().number,
                        tiling.stages(),
                        tiling.blocks());
        int shared = tiling.shared(parts, weights);
        long kernel = gpu.kernel(widens ? "integer_product" : "product", name, shared);
        int blocks = (int) Math.min(tiles(tiling, rows, outputs), (long) gpu.multiprocessors() * tiling.blocks());
        int widening = !widens ? 0 : epilogue == Epilogue.SCORE ? 1 : tiling.rows() / TiledRows.TILE;
        gpu.launch(kernel, blocks, 1, tiling.threads(widening), shared, arguments);
    }

    private List<Tiling> tilings(DeviceWeights.Tiled weights) {
        boolean one = parts == 1;
        if (weights.form() != DeviceWeights.Form.TILES) {
            return one ? INTEGERS_OF_ONE_PART : INTEGERS_OF_TWO_PARTS;
        }
        return one ? ONE_PART : weights.parts() == 1 ? TWO_PARTS_OF_ROWS : TWO_PARTS;
    }

    private static long tiles(Tiling tiling, int rows, int outputs) {
        return (long) Math.ceilDiv(rows, tiling.rows()) * Math.ceilDiv(outputs, tiling.columns());
    }

    private double cost(Tiling tiling, int rows, int outputs) {
        long atOnce = (long) gpu.multiprocessors() * tiling.blocks();
        return Math.ceilDiv(tiles(tiling, rows, outputs), atOnce) * tiling.cost();
    }
}
