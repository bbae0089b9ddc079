package org.sparkqwen.job.input;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.pmod;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.spark.RowNumber;

/// The size of an input, and some of its rows, drawn from all over it.
///
/// Rows are drawn from at most [#MOST_DRAWN] splits, which lie at equal distances of rows, and from each split by
/// chance with a fixed seed. Each row of the input has about the same chance.
///
/// @param files how many files the input has
/// @param bytes the bytes of all files
/// @param rows how many rows the input has, up to the limit
/// @param judgedBy the bytes whose rows were counted, if the number of all rows was estimated from them; 0 if it is
///     known
/// @param unreadable files that cannot be read, among those that were looked at
/// @param drawn the drawn rows, with their numbers
public record InputSample(
        int files, long bytes, long rows, long judgedBy, UnreadableFiles unreadable, Dataset<Row> drawn) {
    private static final int MOST_DRAWN = 32;

    /// The most splits of which rows are counted if the format's files do not say how many they have.
    private static final int MOST_READ = 64;

    private static final Set<String> SAY_THEIR_ROWS = Set.of("parquet", "orc");

    private static final int SHADES = 1_000_000;

    private static final long SEED = 20;

    /// The golden ratio, whose multiples are spread most evenly between whole numbers.
    private static final double GOLDEN = (Math.sqrt(5) - 1) / 2;

    /// Draws a sample.
    ///
    /// @param scan a scan that lies in files
    /// @param limit the most rows that are processed, the first ones; null for all
    /// @param about about how many rows are drawn
    /// @param together a key; of rows with the same key and in the same split, all are drawn or none; null if each
    ///     is drawn by itself
    public static InputSample of(
            InputScan scan, InputFormat input, @Nullable Long limit, int about, @Nullable Column together) {
        List<Split> splits = List.copyOf(scan.splits());
        boolean all = splits.size() <= MOST_READ
                || SAY_THEIR_ROWS.contains(input.name().toLowerCase(Locale.ROOT));
        List<Split> looked = all ? splits : evenly(splits, MOST_READ);
        InputScan.Counted counted = scan.count(looked, input);
        PlannedRows planned = PlannedRows.of(List.of(InputPlan.of(counted.rows(), scan.files())));
        double readable = bytes(List.copyOf(counted.rows().keySet()));
        long rows = all || readable == 0 ? planned.rows() : Math.round(planned.rows() * (bytes(splits) / readable));
        long first = limit == null ? planned.rows() : Math.min(limit, planned.rows());
        boolean known = all || (limit != null && limit <= planned.rows());
        return new InputSample(
                scan.files().size(),
                scan.files().values().stream()
                        .mapToLong(InputScan.InputFile::size)
                        .sum(),
                limit == null ? rows : Math.min(limit, rows),
                known ? 0 : (long) bytes(looked),
                counted.unreadable().and(scan.emptyFiles(input)),
                draw(scan, planned, first, about, together));
    }

    private static List<Split> evenly(List<Split> splits, int count) {
        List<Split> chosen = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            chosen.add(splits.get((int) ((2L * i + 1) * splits.size() / (2L * count))));
        }
        return chosen;
    }

    private static double bytes(List<Split> splits) {
        return splits.stream().mapToDouble(Split::length).sum();
    }

    private static Dataset<Row> draw(
            InputScan scan, PlannedRows planned, long rows, int about, @Nullable Column together) {
        if (rows <= about) {
            return scan.read(planned.pieces(0, rows));
        }
        Map<Split, Integer> draws = draws(planned, rows, MOST_DRAWN);
        List<Piece> pieces = pieces(planned, rows, draws);
        long held =
                pieces.stream().mapToLong(piece -> piece.to() - piece.from()).sum();
        if (held < about) { // the files are small, so more of them are read, and whole
            int more = (int) Math.min(about, (long) MOST_DRAWN * about / held);
            return scan.read(pieces(planned, rows, draws(planned, rows, more)));
        }
        Column number = col(RowNumber.COLUMN);
        Column share = lit(0.0);
        for (Piece piece : pieces) {
            long count = piece.to() - piece.from();
            double wanted = (double) about / MOST_DRAWN * draws.getOrDefault(piece.split(), 0) / count;
            Column inside = number.geq(piece.first()).and(number.lt(piece.first() + count));
            share = when(inside, lit(wanted)).otherwise(share);
        }
        return scan.read(pieces)
                .where(chance(together == null ? number : together).lt(share));
    }

    /// Returns the splits of rows from all over the input, and how many of these rows each has.
    ///
    /// Each row lies in a part of the input of its own, at another place of it. At even distances the rows of an
    /// input that repeats itself, such as one with as many files in each directory, would all be of one kind.
    private static Map<Split, Integer> draws(PlannedRows planned, long rows, int count) {
        Map<Split, Integer> draws = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            long row = (long) ((i + ((i * GOLDEN) % 1)) * rows / count);
            draws.merge(planned.pieces(row, row + 1).getFirst().split(), 1, Integer::sum);
        }
        return draws;
    }

    private static List<Piece> pieces(PlannedRows planned, long rows, Map<Split, Integer> draws) {
        return planned.pieces(0, rows).stream()
                .filter(piece -> draws.containsKey(piece.split()))
                .toList();
    }

    /// Returns a number from 0 to 1, the same for equal keys.
    private static Column chance(Column key) {
        return pmod(xxhash64(key), lit(SHADES)).divide(SHADES);
    }

    /// Draws rows of a table or a query.
    ///
    /// @param count how many rows it has
    /// @param about about how many rows are drawn
    /// @param together a key; of rows with the same key, all are drawn or none; null if each is drawn by itself
    public static Dataset<Row> draw(Dataset<Row> rows, long count, int about, @Nullable Column together) {
        if (count <= about) {
            return rows;
        }
        double share = (double) about / count;
        return together == null
                ? rows.sample(share, SEED)
                : rows.where(chance(together).lt(share));
    }
}
