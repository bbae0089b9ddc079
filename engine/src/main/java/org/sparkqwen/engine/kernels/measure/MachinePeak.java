package org.sparkqwen.engine.kernels.measure;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.DoubleAdder;
import org.sparkqwen.engine.kernels.ThreadTeam;
import org.sparkqwen.engine.kernels.vector.MultiplyAdds;
import org.sparkqwen.engine.kernels.vector.VectorProvider;

/// Measures the most that a machine can do at this moment: multiply-adds, and bytes read from memory. The kernels reach
/// a share of that.
///
/// Each measurement is one burst, usually of a tenth of a second. Any burst may be slow if others use the machine too;
/// the best of several is the machine's peak.
public final class MachinePeak implements AutoCloseable {
    /// How long a burst usually takes.
    public static final Duration BURST = Duration.ofMillis(100);

    /// The number of bursts after which the JVM has compiled the loops.
    private static final int WARM_UP_BURSTS = 3;

    /// The number of multiply-adds of a chain between two looks at the clock, which take some hundred microseconds.
    private static final int STEPS = 1 << 15;

    /// The memory that all threads read: far more than caches hold.
    private static final long MEMORY_BYTES = 1L << 29;

    /// The number of bytes that a thread reads between two looks at the clock.
    private static final int PIECE_BYTES = 1 << 20;

    private final long burstNanos;
    private final ThreadTeam team;
    private final Arena arena = Arena.ofShared();
    private final long memory;
    private final int piecesPerThread;
    private final int[] nextPieces; // each thread's
    private volatile float result; // what is computed must be used, or the compiler leaves it out

    /// Allocates half a gigabyte, and takes most of a second.
    ///
    /// @param threads number of threads in the bursts of all threads
    public MachinePeak(int threads) {
        this(threads, BURST);
    }

    /// Allocates like [#MachinePeak(int)].
    ///
    /// @param burst how long each burst takes; short ones say less
    public MachinePeak(int threads, Duration burst) {
        // Asking loads the vector module where nobody has needed it yet.
        obstacle().ifPresent(reason -> {
            throw new IllegalStateException("this machine cannot be measured: " + reason);
        });
        burstNanos = burst.toNanos();
        team = ThreadTeam.start(threads);
        piecesPerThread = Math.toIntExact(Math.ceilDiv(MEMORY_BYTES, (long) PIECE_BYTES * threads));
        nextPieces = new int[threads];
        MemorySegment all = arena.allocate((long) threads * piecesPerThread * PIECE_BYTES, PIECE_BYTES);
        // Memory that was never written has no pages of its own, and reads as fast as a cache.
        all.fill((byte) 1);
        memory = all.address();
        for (int i = 0; i < WARM_UP_BURSTS; i++) {
            flops();
            readBytes();
        }
    }

    /// Measures the float32 operations a second of one thread; a multiply-add counts as two.
    public double coreFlops() {
        return flops(1);
    }

    /// The reason why this JVM cannot measure, in words that say what to do; empty if it can.
    public static Optional<String> obstacle() {
        return new VectorProvider().obstacle();
    }

    /// Measures the float32 operations a second of all threads together.
    public double flops() {
        return flops(team.threads());
    }

    private double flops(int threads) {
        float[] numbers = MultiplyAdds.numbers();
        return burst(threads, part -> {
            result = MultiplyAdds.run(numbers, STEPS);
            return MultiplyAdds.flops(STEPS);
        });
    }

    /// Measures the bytes a second that all threads together read from memory, each its own part from one end to
    /// the other.
    public double readBytes() {
        return burst(team.threads(), part -> {
            int piece = nextPieces[part];
            nextPieces[part] = (piece + 1) % piecesPerThread;
            result = MemorySum.of(memory + ((long) part * piecesPerThread + piece) * PIECE_BYTES, PIECE_BYTES);
            return PIECE_BYTES;
        });
    }

    /// A piece of a burst.
    private interface Piece {
        /// @return the amount of work done
        double run(int part);
    }

    /// The work that `threads` threads do in a second, extrapolated from a burst.
    private double burst(int threads, Piece piece) {
        DoubleAdder done = new DoubleAdder();
        long start = System.nanoTime();
        team.run(threads, (part, worker) -> {
            double mine = 0;
            do {
                mine += piece.run(part);
            } while (System.nanoTime() - start < burstNanos);
            done.add(mine);
        });
        return done.sum() * 1e9 / (System.nanoTime() - start);
    }

    @Override
    public void close() {
        team.close();
        arena.close();
    }
}
