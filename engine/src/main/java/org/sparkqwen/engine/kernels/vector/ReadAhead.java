package org.sparkqwen.engine.kernels.vector;

import java.util.HashMap;
import java.util.Map;

/// Chooses the lines of the next panel that the tiles of [OuterProduct] read beside their own, so that they are in the
/// cache when their turn comes. Each thread has its own.
///
/// A processor prefetches by itself, but no more than some 20 lines of a stream, and not past a page of 4 kB. A tile
/// that computes little on each line is through with those before the next ones arrive, and waits for half of its time.
/// Java has no prefetch instruction, which would request a line and go on. So a tile of few tokens reads a line of the
/// next panel for each of its own, in turns from four places, because the processor fetches four times as much of four
/// streams.
final class ReadAhead {
    /// The number of places of a panel that are read in turns.
    private static final int STREAMS = 4;

    /// The most tiles among which a panel is shared.
    private static final int READERS = 4;

    private static volatile int[] nothing = new int[TiledProduct.INPUTS];

    private final Map<Shares, int[][]> tables = new HashMap<>();

    @SuppressWarnings("UnusedVariable") // what was read must be used, or the compiler leaves it out
    private int used;

    /// The rows of a panel, one for each input, and the number of tiles that share them.
    private record Shares(int rows, int rowBytes, int readers) {}

    /// The shares of the tiles that read: for each input, the distance in bytes from the panel's start to what is
    /// read.
    ///
    /// @param heights the heights of all tiles
    int[][] shares(int[] heights, int rows, int rowBytes) {
        int readers = 0;
        while (readers < Math.min(READERS, heights.length) && reads(heights[readers])) {
            readers++;
        }
        return tables.computeIfAbsent(new Shares(rows, rowBytes, readers), ReadAhead::computed);
    }

    /// Whether a tile reads ahead: in tiles of 12 this would cost more than it gains, and a tile of 1 has streams
    /// enough.
    private static boolean reads(int height) {
        return height == 8 || height == 4;
    }

    private static int[][] computed(Shares shares) {
        int[][] table = new int[shares.readers()][shares.rows()];
        for (int reader = 0; reader < shares.readers(); reader++) {
            int share = Math.ceilDiv(shares.rows(), shares.readers());
            int stream = Math.ceilDiv(share, STREAMS);
            for (int input = 0; input < shares.rows(); input++) {
                int i = input * share / shares.rows();
                int row = reader * share + i % STREAMS * stream + i / STREAMS;
                table[reader][input] = Math.min(row, shares.rows() - 1) * shares.rowBytes();
            }
        }
        return table;
    }

    /// The offsets for a tile that reads nothing ahead: the same place for each input.
    static int[] nothing(int inputs) {
        int[] zeros = nothing;
        if (zeros.length < inputs) {
            zeros = new int[inputs];
            nothing = zeros;
        }
        return zeros;
    }

    void use(int read) {
        used += read;
    }
}
