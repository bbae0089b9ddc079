package org.sparkqwen.engine.kernels.vector;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// The heights of the tiles in which [OuterProduct] takes some tokens: 12, 8, 4 or 1. The last tile may be higher than
/// tokens are left, because two tokens take no less time than four.
///
/// Tiles of 12 compute the most for each weight that they load, but only those of 8 and of 4 read ahead ([ReadAhead]),
/// and these come first. With many tokens none needs to read ahead, because they compute long enough on each weight.
final class Tiling {
    private static final List<int[]> HEIGHTS = IntStream.rangeClosed(0, TiledProduct.TOKENS)
            .mapToObj(Tiling::computed)
            .toList();

    private Tiling() {}

    /// The heights of the tiles of `tokens` tokens. Callers must not change the array.
    static int[] heights(int tokens) {
        return tokens < HEIGHTS.size() ? HEIGHTS.get(tokens) : computed(tokens);
    }

    /// The height of all tiles together.
    static int height(int tokens) {
        return Arrays.stream(heights(tokens)).sum();
    }

    private static int[] computed(int tokens) {
        if (tokens == 1) {
            return new int[] {1};
        }
        int fours = Math.ceilDiv(tokens, 4);
        if (OuterProduct.TILE == 4 || fours <= 1) {
            return repeated(4, fours);
        }
        if (fours == 3) {
            return new int[] {8, 4};
        }
        int eights = switch (fours % 3) {
            case 1 -> 2;
            case 2 -> 1;
            default -> tokens < TiledProduct.MANY ? 3 : 0;
        };
        int[] heights = repeated(12, eights + (fours - 2 * eights) / 3);
        Arrays.fill(heights, 0, eights, 8);
        return heights;
    }

    private static int[] repeated(int height, int count) {
        int[] heights = new int[count];
        Arrays.fill(heights, height);
        return heights;
    }
}
