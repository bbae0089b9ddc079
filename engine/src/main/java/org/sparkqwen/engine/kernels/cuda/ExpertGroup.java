package org.sparkqwen.engine.kernels.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.sparkqwen.engine.kernels.ExpertRows;

/// Experts that are computed together: their rows one expert after the other, each from a row on at which a tile
/// begins.
///
/// @param rowsOfTile 64, or 128 if the experts have so many rows that larger tiles are better
/// @param rows the batch's row for each row here; -1 where a tile is filled up
/// @param gateAndUp the address of the weights of each 64 rows
/// @param down the address of the weights of each 64 rows
/// @param starts for each row of the batch, the index of its first place, and at the end the number of places
/// @param places the rows here that belong to a row of the batch, in the order of experts
/// @param shares of the places
record ExpertGroup(
        DeviceWeights.Tiled gateAndUpForm,
        DeviceWeights.Tiled downForm,
        int rowsOfTile,
        int[] rows,
        long[] gateAndUp,
        long[] down,
        int[] starts,
        int[] places,
        float[] shares) {
    /// The most rows of a group, if an expert does not have more.
    static final int MOST_ROWS = 16_384;

    private static final int LARGE_TILE = 128;

    /// An expert, and where its weights are.
    record Placed(ExpertRows expert, DeviceWeights.Tiled gateAndUp, DeviceWeights.Tiled down) {}

    /// Forms groups of experts whose weights are multiplied by the same kernels.
    ///
    /// @param batchRows rows of the batch
    static List<ExpertGroup> of(List<Placed> experts, int batchRows) {
        List<ExpertGroup> groups = new ArrayList<>();
        int from = 0;
        int count = 0;
        for (int i = 0; i < experts.size(); i++) {
            int more = experts.get(i).expert().rows().length;
            Placed first = experts.get(from);
            boolean like = first.gateAndUp().isLike(experts.get(i).gateAndUp())
                    && first.down().isLike(experts.get(i).down());
            if (i > from && (!like || count + more > MOST_ROWS)) {
                groups.add(group(experts.subList(from, i), batchRows));
                from = i;
                count = 0;
            }
            count += more;
        }
        groups.add(group(experts.subList(from, experts.size()), batchRows));
        return groups;
    }

    private static ExpertGroup group(List<Placed> experts, int batchRows) {
        int count = experts.stream()
                .mapToInt(placed -> placed.expert().rows().length)
                .sum();
        int rowsOfTile = count >= LARGE_TILE * 3 / 4 * experts.size() ? LARGE_TILE : TiledRows.TILE;
        int padded = experts.stream()
                .mapToInt(placed -> Math.ceilDiv(placed.expert().rows().length, rowsOfTile) * rowsOfTile)
                .sum();
        int[] rows = new int[padded];
        Arrays.fill(rows, -1);
        long[] gateAndUp = new long[padded / TiledRows.TILE];
        long[] down = new long[padded / TiledRows.TILE];
        int[] starts = new int[batchRows + 1];
        int first = 0;
        for (Placed placed : experts) {
            int[] ofExpert = placed.expert().rows();
            System.arraycopy(ofExpert, 0, rows, first, ofExpert.length);
            int end = first + Math.ceilDiv(ofExpert.length, rowsOfTile) * rowsOfTile;
            Arrays.fill(
                    gateAndUp,
                    first / TiledRows.TILE,
                    end / TiledRows.TILE,
                    placed.gateAndUp().tiles());
            Arrays.fill(
                    down,
                    first / TiledRows.TILE,
                    end / TiledRows.TILE,
                    placed.down().tiles());
            for (int row : ofExpert) {
                starts[row + 1]++;
            }
            first = end;
        }
        for (int row = 0; row < batchRows; row++) {
            starts[row + 1] += starts[row];
        }
        int[] places = new int[count];
        float[] shares = new float[count];
        int[] next = starts.clone();
        first = 0;
        for (Placed placed : experts) {
            int[] ofExpert = placed.expert().rows();
            for (int i = 0; i < ofExpert.length; i++) {
                int place = next[ofExpert[i]]++;
                places[place] = first + i;
                shares[place] = placed.expert().shares()[i];
            }
            first += Math.ceilDiv(ofExpert.length, rowsOfTile) * rowsOfTile;
        }
        return new ExpertGroup(
                experts.getFirst().gateAndUp(),
                experts.getFirst().down(),
                rowsOfTile,
                rows,
                gateAndUp,
                down,
                starts,
                places,
                shares);
    }

    /// The bytes that tables of these sizes take at most when they are uploaded.
    long tableBytes() {
        long numbers = (long) rows.length + starts.length + places.length + shares.length;
        return numbers * Integer.BYTES + (gateAndUp.length + down.length) * (long) Long.BYTES + 6 * 16;
    }
}
