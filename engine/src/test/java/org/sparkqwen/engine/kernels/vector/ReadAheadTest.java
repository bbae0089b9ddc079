package org.sparkqwen.engine.kernels.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Tiles read ahead all of a panel and nothing else. Nothing else checks these addresses.
class ReadAheadTest {
    private static final int ROW_BYTES = 64;

    @ParameterizedTest
    @CsvSource({
        "2, 1024",
        "8, 1024",
        "16, 854",
        "24, 1000",
        "32, 1023",
        "64, 32",
        "95, 973",
        "288, 1024",
        "8, 1",
        "16, 3"
    })
    void theTilesReadEachRowOfThePanelAndNothingElse(int tokens, int rows) {
        int[] heights = Tiling.heights(tokens);
        int[][] shares = new ReadAhead().shares(heights, rows, ROW_BYTES);
        Set<Integer> read = new HashSet<>();
        for (int[] share : shares) {
            assertThat(share).hasSize(rows);
            for (int offset : share) {
                assertThat(offset).isBetween(0, (rows - 1) * ROW_BYTES);
                assertThat(offset % ROW_BYTES).isZero();
                read.add(offset / ROW_BYTES);
            }
        }
        if (shares.length > 0) {
            // If a share is not a multiple of four rows, its last three rows may be left out.
            assertThat(read).hasSizeBetween(rows - 3 * shares.length, rows);
        }
        assertThat(shares.length).isLessThanOrEqualTo(heights.length);
    }

    /// The tiles hold all tokens, and the last tile has at least one.
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 4, 5, 8, 9, 12, 13, 16, 24, 25, 32, 36, 64, 95, 96, 97, 251, 252, 287, 288})
    void tilesHoldAllTokens(int tokens) {
        int before = 0;
        int all = 0;
        for (int height : Tiling.heights(tokens)) {
            assertThat(height).isIn(1, 4, 8, 12).isLessThanOrEqualTo(OuterProduct.TILE);
            before = all;
            all += height;
        }
        assertThat(all).isGreaterThanOrEqualTo(tokens);
        assertThat(before).isLessThanOrEqualTo(Math.max(0, tokens - 1));
    }
}
