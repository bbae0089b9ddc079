package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.Kernels;
import org.sparkqwen.engine.kernels.Moments;
import org.sparkqwen.engine.kernels.Operands;
import org.sparkqwen.engine.kernels.OperationSizes;
import org.sparkqwen.engine.kernels.Pending;
import org.sparkqwen.engine.kernels.TokenChoice;
import org.sparkqwen.engine.kernels.TokenChooser;
import org.sparkqwen.engine.kernels.format.Matrix;

/// Reduces logits to the few numbers that the host needs: log-probabilities of targets, sums, and chosen tokens.
final class CudaReductions {
    /// The rows whose logits the head reduces at a time.
    private static final int SCORED_ROWS = Device.FULL_GPU_BATCH;

    private static final int CHUNK_BYTES = 20;
    private static final int SCORE_BYTES = 40;

    private final Gpu gpu;
    private final Arguments arguments;
    private final DeviceOperands operands;
    private final DeviceWeights weights;
    private final Uploads uploads;
    private final Products products;
    private final Gpu.Scratch chunks;
    private final Gpu.Scratch chosen;
    private final Gpu.Scratch scores;
    private final Gpu.HostScratch results;
    private final Arrivals arrivals;

    /// @param arguments free for a kernel's arguments at each call
    CudaReductions(
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
        chunks = new Gpu.Scratch(gpu);
        chosen = new Gpu.Scratch(gpu);
        scores = new Gpu.Scratch(gpu);
        results = new Gpu.HostScratch(gpu);
        arrivals = new Arrivals(gpu);
    }

    /// The bytes of the device that scoring takes beside its operands.
    static long deviceBytes(OperationSizes sizes) {
        return (long) Math.min(sizes.tokens(), SCORED_ROWS) * Products.chunks(sizes.vocabulary()) * CHUNK_BYTES;
    }

    /// Starts to compute the log-probabilities of targets, see [Kernels#startLogProbabilities].
    Pending startLogProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        Operands.logProbabilities(head, in, targets, out, likeliest, moments);
        gpu.use();
        int rows = targets.length;
        if (rows == 0) {
            return Pending.DONE;
        }
        DeviceWeights.Tiled tiled = weights.sideBySide(List.of(head));
        int chunksOfRow = Products.chunks(head.outputs());
        int most = Math.min(rows, SCORED_ROWS);
        long reduced = chunks.reserve((long) most * chunksOfRow * CHUNK_BYTES);
        long logits = chosen.reserve((long) most * Float.BYTES);
        long combined = scores.reserve((long) rows * SCORE_BYTES);
        long wanted = uploads.ints(targets);
        long written = operands.writtenTiles(in, rows, head.inputs());
        for (int first = 0; first < rows; first += most) {
            int some = Math.min(most, rows - first);
            long tiles = written == 0
                    ? operands.splitTiles(
                            operands.read(in) + (long) first * head.inputs() * Float.BYTES, some, head.inputs())
                    : written
                            + (long) first
                                    / TiledRows.TILE
                                    * operands.parts()
                                    * tiled.inputTiles()
                                    * TiledRows.TILE_BYTES;
            long theirTargets = wanted + (long) first * Integer.BYTES;
            products.score(tiles, some, tiled, head.outputs(), reduced, theirTargets, logits);
            combine(reduced, chunksOfRow, logits, theirTargets, combined + (long) first * SCORE_BYTES, some);
        }
        return arrivals.start(combined, (long) rows * SCORE_BYTES, copy -> takeScores(copy, out, likeliest, moments));
    }

    private static void takeScores(MemorySegment copy, double[] out, boolean[] likeliest, @Nullable Moments moments) {
        for (int row = 0; row < out.length; row++) {
            long at = (long) row * SCORE_BYTES;
            out[row] = copy.get(JAVA_DOUBLE, at + Double.BYTES);
            likeliest[row] = copy.get(JAVA_INT, at + 4 * Double.BYTES) == 1;
            if (moments != null) {
                moments.means()[row] = copy.get(JAVA_DOUBLE, at + 2 * Double.BYTES);
                moments.deviations()[row] = copy.get(JAVA_DOUBLE, at + 3 * Double.BYTES);
            }
        }
    }

    private void combine(long reduced, int chunksOfRow, long logits, long targets, long to, int rows) {
        arguments.clear().add(reduced).add(chunksOfRow).add(logits).add(targets).add(to);
        gpu.launch("rows", "combine", rows, 1, 32, arguments);
    }

    /// Computes the logarithms of sums of exponentials, see [Kernels#logSumExp].
    void logSumExp(MemorySegment logits, int count, double[] out) {
        Operands.floats(logits, out.length, count);
        gpu.use();
        if (out.length == 0) {
            return;
        }
        long combined = scores.reserve((long) out.length * SCORE_BYTES);
        sums(operands.read(logits), count, combined, out.length);
        MemorySegment copy = results.reserve((long) out.length * SCORE_BYTES);
        gpu.toHost(combined, copy);
        takeSums(copy, out);
    }

    /// Reduces rows of logits to a score each.
    private void sums(long logits, int count, long to, int rows) {
        int chunksOfRow = Products.chunks(count);
        long reduced = chunks.reserve((long) rows * chunksOfRow * CHUNK_BYTES);
        arguments.clear().add(logits).add(count).add(count).add(reduced).add(chunksOfRow);
        gpu.launch(
                "rows",
                "reduceLogits",
                rows,
                Math.ceilDiv(chunksOfRow, Gpu.ROW_THREADS / 4),
                Gpu.ROW_THREADS,
                arguments);
        combine(reduced, chunksOfRow, 0, 0, to, rows);
    }

    private static void takeSums(MemorySegment copy, double[] out) {
        for (int row = 0; row < out.length; row++) {
            out[row] = copy.get(JAVA_DOUBLE, (long) row * SCORE_BYTES);
        }
    }

    /// Finds the largest logit of each row, see [Kernels#likeliest].
    void likeliest(MemorySegment logits, int width, int count, int[] out) {
        Operands.likeliest(logits, width, count, out.length);
        gpu.use();
        if (out.length == 0) {
            return;
        }
        long found = scores.reserve((long) out.length * SCORE_BYTES);
        arguments.clear().add(operands.read(logits)).add(width).add(count).add(found);
        gpu.launch("rows", "likeliest", out.length, 1, 1024, arguments);
        MemorySegment copy = results.reserve((long) out.length * Integer.BYTES);
        gpu.toHost(found, copy);
        MemorySegment.copy(copy, JAVA_INT, 0, out, 0, out.length);
    }

    /// Chooses the next tokens, see [TokenChooser].
    void choose(
            MemorySegment logits,
            int width,
            int count,
            List<TokenChoice> choices,
            int[] tokens,
            float[] chosenLogits,
            double[] sums) {
        int rows = choices.size();
        Operands.likeliest(logits, width, count, rows);
        gpu.use();
        if (rows == 0) {
            return;
        }
        long sumBytes = (long) rows * SCORE_BYTES;
        long combined = scores.reserve(sumBytes + (long) rows * Long.BYTES);
        sums(operands.read(logits), width, combined, rows);
        long address = uploads.longs(new ChoiceTable(choices).upload(uploads));
        arguments
                .clear()
                .add(operands.read(logits))
                .add(width)
                .add(count)
                .add(address)
                .add(combined + sumBytes);
        gpu.launch("sampling", "chooseTokens", rows, 1, 1024, arguments);
        MemorySegment copy = results.reserve(sumBytes + (long) rows * Long.BYTES);
        gpu.toHost(combined, copy);
        takeSums(copy, sums);
        for (int row = 0; row < rows; row++) {
            tokens[row] = copy.get(JAVA_INT, sumBytes + (long) row * Long.BYTES);
            chosenLogits[row] = copy.get(JAVA_FLOAT, sumBytes + (long) row * Long.BYTES + Integer.BYTES);
        }
    }

    void free() {
        List.of(chunks, chosen, scores).forEach(Gpu.Scratch::free);
        results.free();
        arrivals.close();
    }
}
