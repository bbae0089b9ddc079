package org.sparkqwen.job.input;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;

/// The rows of a run in the order of its plans, numbered from 0. Intervals, commits and `--limit` count in these
/// numbers.
///
/// An input may have a million files, and a run some thousand intervals. So finding the split of a row is a binary
/// search, and what an interval costs depends on its own splits alone.
public final class PlannedRows {
    private final List<InputPlan.PlannedFile> files = new ArrayList<>();
    private final List<Numbered> splits = new ArrayList<>();
    private final Map<String, Long> rowsByFile = new HashMap<>();
    private final Set<Split> known = new HashSet<>();
    private final @Nullable String source;
    private long rows;
    private double bytes;

    private PlannedRows(@Nullable String source) {
        this.source = source;
    }

    /// @param first the number of the split's first row
    /// @param rowsBefore how many rows of the file come before it
    /// @param bytesBefore how many bytes all splits before it have
    private record Numbered(Split split, long first, long rows, long rowsBefore, double bytesBefore) {
        long end() {
            return first + rows;
        }
    }

    public static PlannedRows of(List<InputPlan> plans) {
        return of(plans, null);
    }

    /// @param source the name that stands for a file in the rows' origins; rows are then counted from the run's
    ///     first row. Null if rows have files of their own
    public static PlannedRows of(List<InputPlan> plans, @Nullable String source) {
        PlannedRows planned = new PlannedRows(source);
        plans.forEach(planned::add);
        return planned;
    }

    public void add(InputPlan plan) {
        for (InputPlan.PlannedFile file : plan.files()) {
            files.add(file);
            for (InputPlan.PlannedSplit split : file.splits()) {
                Split key = new Split(file.path(), split.start(), split.length());
                known.add(key);
                long rowsBefore = rowsByFile.getOrDefault(file.path(), 0L);
                splits.add(new Numbered(key, rows, split.rows(), rowsBefore, bytes));
                rowsByFile.put(file.path(), rowsBefore + split.rows());
                rows += split.rows();
                bytes += split.length();
            }
        }
    }

    public long rows() {
        return rows;
    }

    public boolean contains(Split split) {
        return known.contains(split);
    }

    /// Returns the index of the first split that has a row from `row` on; that after the last one if none has.
    private int firstBeyond(long row) {
        int low = 0;
        int high = splits.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (splits.get(middle).end() > row) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /// Returns the pieces of splits that contain rows `from` to `to`.
    public List<Piece> pieces(long from, long to) {
        List<Piece> pieces = new ArrayList<>();
        for (int i = firstBeyond(from); i < splits.size() && splits.get(i).first() < to; i++) {
            if (splits.get(i).rows() > 0) {
                pieces.add(piece(splits.get(i), from, to));
            }
        }
        return pieces;
    }

    /// Returns the part of a split that lies in rows `from` to `to`, some of which it has.
    private static Piece piece(Numbered split, long from, long to) {
        long start = Math.max(from, split.first());
        long end = Math.min(to, split.end());
        return new Piece(split.split(), start - split.first(), end - split.first(), split.rows(), start);
    }

    /// Estimates the work of the rows before `row`: their bytes in the input files, or their count where the input
    /// does not lie in files.
    public double work(long row) {
        int next = firstBeyond(row);
        if (next == splits.size()) {
            return isWholeSource() ? rows : bytes;
        }
        Numbered split = splits.get(next);
        double part = Math.max(0, (double) (row - split.first()) / split.rows());
        return isWholeSource() ? row : split.bytesBefore() + split.split().length() * part;
    }

    private boolean isWholeSource() {
        return !splits.isEmpty() && splits.getFirst().split().isWholeSource();
    }

    /// Returns the origin of a row.
    public Origin origin(long row) {
        int split = firstBeyond(row);
        if (row < 0 || split == splits.size() || splits.get(split).split().isWholeSource()) {
            return Origin.UNKNOWN;
        }
        if (source != null) {
            return new Origin(source, row);
        }
        Numbered found = splits.get(split);
        return new Origin(found.split().path(), found.rowsBefore() + row - found.first());
    }

    /// Returns the origins of rows `from` to `to`, for tasks.
    public Origins origins(long from, long to) {
        if (source != null) {
            return new Origins(List.of(new Origins.Stretch(source, 0, 0)));
        }
        List<Origins.Stretch> stretches = new ArrayList<>();
        for (int i = firstBeyond(from); i < splits.size() && splits.get(i).first() < to; i++) {
            Numbered split = splits.get(i);
            if (split.rows() > 0) {
                stretches.add(new Origins.Stretch(split.split().path(), split.first(), split.rowsBefore()));
            }
        }
        return new Origins(stretches);
    }

    /// Returns how many of rows `from` to `to` fit into `bytes` of the input files, and at least one.
    public long rowsWithin(long bytes, long from, long to) {
        double left = bytes;
        long count = 0;
        for (int i = firstBeyond(from); i < splits.size() && splits.get(i).first() < to; i++) {
            Piece piece = piece(splits.get(i), from, to);
            long taken = piece.to() - piece.from();
            if (piece.bytes() > left) {
                return Math.max(1, count + (long) (taken * left / piece.bytes()));
            }
            left -= piece.bytes();
            count += taken;
        }
        return count;
    }

    public Set<String> paths() {
        return rowsByFile.keySet();
    }

    /// Returns files that the rows after `done` need, and that are gone.
    ///
    /// @param found the files as they are now
    public UnreadableFiles gone(long done, Map<String, InputScan.InputFile> found) {
        Map<String, String> gone = new TreeMap<>();
        for (Piece piece : pieces(done, rows)) {
            String path = piece.split().path();
            if (!piece.split().isWholeSource() && !found.containsKey(path)) {
                gone.put(path, "it was removed before all its rows were done");
            }
        }
        return new UnreadableFiles(gone);
    }

    /// A new input file that may be one whose rows are done already, under another name.
    ///
    /// @param before the path of the earlier file, which is gone
    /// @param sameTime whether the times of modification are the same, too, and not only the sizes
    public record Renamed(String before, String now, boolean sameTime) {}

    /// Finds new files that may be earlier ones under another name. Each earlier file occurs once.
    ///
    /// @param found the files as they are now
    public List<Renamed> renamed(Map<String, InputScan.InputFile> found) {
        Map<InputScan.InputFile, Deque<String>> bySizeAndTime = new HashMap<>();
        Map<Long, Deque<String>> bySize = new HashMap<>();
        Set<String> gone = new HashSet<>();
        for (InputPlan.PlannedFile file : files) {
            if (file.size() > 0 && !found.containsKey(file.path()) && gone.add(file.path())) {
                InputScan.InputFile before = new InputScan.InputFile(file.size(), file.modified());
                bySizeAndTime.computeIfAbsent(before, _ -> new ArrayDeque<>()).add(file.path());
                bySize.computeIfAbsent(file.size(), _ -> new ArrayDeque<>()).add(file.path());
            }
        }
        List<Renamed> renamed = new ArrayList<>();
        Map<String, InputScan.InputFile> others = new TreeMap<>();
        found.forEach((path, file) -> {
            Deque<String> same = bySizeAndTime.getOrDefault(file, new ArrayDeque<>());
            if (rowsByFile.containsKey(path)) {
                return;
            }
            if (file.modified() > 0 && !same.isEmpty()) {
                String before = same.removeFirst();
                gone.remove(before);
                renamed.add(new Renamed(before, path, true));
            } else {
                others.put(path, file);
            }
        });
        others.forEach((path, file) -> {
            Deque<String> same = bySize.getOrDefault(file.size(), new ArrayDeque<>());
            while (!same.isEmpty()) {
                String before = same.removeFirst();
                if (gone.contains(before)) {
                    renamed.add(new Renamed(before, path, false));
                    return;
                }
            }
        });
        return renamed;
    }

    /// Refuses files that have changed, and names them. A file may be gone if its rows are done.
    ///
    /// @param done how many rows are done
    /// @param found the files as they are now
    /// @param leftOut the files of which no more rows are needed
    public void refuseChanges(long done, Map<String, InputScan.InputFile> found, UnreadableFiles leftOut) {
        gone(done, found).reasons().keySet().stream()
                .filter(path -> !leftOut.contains(path))
                .findFirst()
                .ifPresent(path -> {
                    throw Refusal.failure(("%s is gone, and the run still needs rows of it; bring it back%s, or begin"
                                    + " anew with --mode overwrite")
                            .formatted(path, source == null ? ", go on without it by --on-error drop" : ""));
                });
        for (InputPlan.PlannedFile file : files) {
            InputScan.InputFile now = found.get(file.path());
            if (now != null
                    && !leftOut.contains(file.path())
                    && (now.size() != file.size() || now.modified() != file.modified())) {
                throw Refusal.failure(("%s has changed since the run was planned; bring back what it was, modification"
                                + " time included, or begin anew with --mode overwrite")
                        .formatted(file.path()));
            }
        }
    }
}
