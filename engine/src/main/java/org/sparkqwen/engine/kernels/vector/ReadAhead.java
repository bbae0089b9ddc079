package org.sparkqwen.engine.kernels.vector;

import java.util.HashMap;
import java.util.Map;

/// Which lines of the next panel the tiles of [OuterProduct] read beside their own, so that they are in the cache when
/// their turn comes. Each thread has its own.
///
/// A processor fetches ahead by itself, but no more than some 20 lines of a stream, and not past a page of 4 kB. A tile
/// that computes little on each line is through with those before the next ones are there, and waits for half of its
/// time. Java has no instruction that asks for a line and goes on. So a tile of few tokens reads a line of the next
/// panel for each of its own, in turns from four places: of four streams the processor fetches four times as much.
final class ReadAhead {
    /// Places of a panel that are read in turns.
    private static final int STREAMS = 4;

    /// Tiles at most among which a panel is shared.
    private static final int READERS = 4;

    private static volatile int[] nothing = new int[TiledProduct.INPUTS];

    private final Map<Shares, int[][]> tables = new HashMap<>();

    @SuppressWarnings("UnusedVariable") // what was read must be used, or the compiler leaves it out
    private int used;

    /// Rows of a panel, one for each input, and among how many tiles they are shared.
    private record Shares(int rows, int rowBytes, int readers) {}

    /// The shares of the tiles that read: for each input, bytes from the panel's start to what is read.
    ///
    /// @param heights of all tiles
    int[][] shares(int[] heights, int rows, int rowBytes) {
        int readers = 0;
        while (readers < Math.min(READERS, heights.length) && reads(heights[readers])) {
            readers++;
        }
        return tables.computeIfAbsent(new Shares(rows, rowBytes, readers), ReadAhead::computed);
    }

    /// In tiles of 12 it would cost more than it gains, and one of 1 has streams enough.
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

    /// For a tile that reads nothing ahead: the same place for each input.
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
