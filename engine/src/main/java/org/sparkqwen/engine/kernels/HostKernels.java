package org.sparkqwen.engine.kernels;

import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.format.EmbeddingTable;

/// What back-ends have in common that compute on the threads and in the memory of this process: a team of threads,
/// lookups, and routing.
public abstract class HostKernels implements Kernels {
    /// The threads that share the parts of an operation.
    protected final ThreadTeam team;

    /// What linear layers, experts and the head multiply in.
    protected final Precision precision;

    /// @param threads at least 1; the caller of an operation is one of them
    protected HostKernels(int threads, Precision precision) {
        team = ThreadTeam.start(threads);
        this.precision = precision;
    }

    /// The back-end and its instructions, such as `code AVX-512`.
    protected abstract String name();

    @Override
    public final String description() {
        String rounds = precision == Precision.FLOAT32 ? "" : precision + ", ";
        return "%s, %s%d thread(s)".formatted(name(), rounds, threads());
    }

    @Override
    public final void embed(EmbeddingTable table, int[] tokens, MemorySegment out) {
        Lookup.embed(team, table, tokens, out);
    }

    @Override
    public final void gatherRows(MemorySegment in, int width, int[] rows, MemorySegment out) {
        Lookup.gatherRows(team, in, width, rows, out);
    }

    @Override
    public final Routes route(MemorySegment logits, int tokens, int experts, int perToken, boolean normalised) {
        Operands.route(logits, tokens, experts, perToken);
        return Router.route(team, logits, tokens, experts, perToken, normalised);
    }

    @Override
    public final void each(int count, IntConsumer work) {
        team.run(count, (part, worker) -> work.accept(part));
    }

    @Override
    public final void measurePeak(@Nullable PartProbe probe) {
        team.measurePeak(probe);
    }

    @Override
    public final int threads() {
        return team.threads();
    }

    @Override
    public void close() {
        team.close();
    }
}
