package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;
import org.sparkqwen.engine.kernels.format.Matrix;
import org.sparkqwen.engine.kernels.format.Memory;

/// The checks that every operation of [Kernels] makes before it computes: each operand is native memory of the size
/// that the operation reads or writes, and operands that meet fit each other.
///
/// Kernels address memory without any check ([Memory#ALL]), so they would read past the end of an operand that is too
/// small. Sizes that a caller gives are never trusted: they are compared with the segment here, through
/// [Memory#address], or when a [Matrix] or an [AttentionSpan] is made. All back-ends call the same checks.
public final class Operands {
    private Operands() {}

    public static void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        for (int token : tokens) {
            require(token >= 0 && token < table.outputs(), "token %d of %d", token, table.outputs());
        }
        floats(out, tokens.length, table.inputs());
    }

    public static void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        int highest = -1;
        for (int row : rows) {
            require(row >= 0, "row %d of a batch", row);
            highest = Math.max(highest, row);
        }
        floats(in, highest + 1L, width);
        floats(out, rows.length, width);
    }

    public static void linear(MemorySegment in, int tokens, List<Projection> projections) {
        if (projections.isEmpty()) {
            throw new IllegalArgumentException("no layer to compute");
        }
        int inputs = projections.getFirst().weight().inputs();
        floats(in, tokens, inputs);
        for (Projection projection : projections) {
            Matrix weight = projection.weight();
            require(weight.inputs() == inputs, "layers of %d and of %d inputs", inputs, weight.inputs());
            floats(projection.out(), tokens, weight.outputs());
            if (projection.bias() != null) {
                floats(projection.bias(), 1, weight.outputs());
            }
        }
    }

    public static void swiGlu(MemorySegment in, int tokens, Matrix gate, Matrix up, MemorySegment out) {
        sameShape(gate, up);
        floats(in, tokens, gate.inputs());
        floats(out, tokens, gate.outputs());
    }

    public static void experts(MemorySegment in, List<ExpertRows> experts, MemorySegment gated, MemorySegment sum) {
        if (experts.isEmpty()) {
            throw new IllegalArgumentException("no expert to compute");
        }
        Matrix first = experts.getFirst().gate();
        for (ExpertRows expert : experts) {
            sameShape(first, expert.gate());
            sameShape(first, expert.up());
            Matrix down = expert.down();
            require(
                    down.inputs() == first.outputs() && down.outputs() == first.inputs(),
                    "an expert's down is of %d outputs and %d inputs",
                    down.outputs(),
                    down.inputs());
            for (int row : expert.rows()) {
                require(row >= 0, "row %d of a batch", row);
            }
        }
        int rows = ExpertRows.batchRows(experts);
        floats(in, rows, first.inputs());
        floats(sum, rows, first.inputs());
        floats(gated, ExpertRows.count(experts), first.outputs());
    }

    public static void route(MemorySegment logits, int tokens, int experts, int perToken) {
        require(perToken >= 1 && perToken <= experts, "%d experts a token of %d", perToken, experts);
        floats(logits, tokens, experts);
    }

    public static void rmsNorm(MemorySegment in, MemorySegment weight, MemorySegment out, int rows, int width) {
        floats(in, rows, width);
        floats(weight, 1, width);
        floats(out, rows, width);
    }

    public static void rotate(
            MemorySegment x, int heads, int headDim, int[] positions, MemorySegment cosines, MemorySegment sines) {
        require(headDim % 2 == 0, "heads of %d numbers, which are no pairs", headDim);
        floats(x, positions.length, (long) heads * headDim);
        int highest = -1;
        for (int position : positions) {
            require(position >= 0, "position %d", position);
            highest = Math.max(highest, position);
        }
        floats(cosines, highest + 1L, headDim / 2);
        floats(sines, highest + 1L, headDim / 2);
    }

    /// @param first `[rows, firstWidth]`, as `second` is `[rows, secondWidth]`
    public static void rows(
            List<AttentionSpan> spans, MemorySegment first, int firstWidth, MemorySegment second, int secondWidth) {
        int rows = AttentionSpan.rows(spans);
        floats(first, rows, firstWidth);
        floats(second, rows, secondWidth);
    }

    public static void logProbabilities(
            Matrix head,
            MemorySegment in,
            int[] targets,
            double[] out,
            boolean[] likeliest,
            @Nullable Moments moments) {
        floats(in, targets.length, head.inputs());
        for (int target : targets) {
            require(target >= 0 && target < head.outputs(), "target %d of %d tokens", target, head.outputs());
        }
        require(
                out.length >= targets.length && likeliest.length >= targets.length,
                "%d results for %d targets",
                Math.min(out.length, likeliest.length),
                targets.length);
        if (moments != null) {
            int rows = Math.min(moments.means().length, moments.deviations().length);
            require(rows >= targets.length, "moments of %d rows for %d targets", rows, targets.length);
        }
    }

    public static void likeliest(MemorySegment logits, int width, int count, int rows) {
        require(count >= 1 && count <= width, "%d columns of %d", count, width);
        floats(logits, rows, width);
    }

    private static void sameShape(Matrix one, Matrix other) {
        require(
                one.inputs() == other.inputs() && one.outputs() == other.outputs(),
                "gates and ups of %s outputs and inputs",
                "%d x %d and %d x %d".formatted(one.outputs(), one.inputs(), other.outputs(), other.inputs()));
    }

    public static void floats(MemorySegment segment, long rows, long width) {
        Memory.address(segment, Math.multiplyExact(rows, width));
    }

    @SuppressWarnings("AnnotateFormatMethod") // the JDK alone; all callers are above
    private static void require(boolean fits, String fault, Object... numbers) {
        if (!fits) {
            throw new IllegalArgumentException("operands do not fit: " + fault.formatted(numbers));
        }
    }
}
