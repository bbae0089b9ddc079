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
import org.sparkqwen.job.failure.Refusal;

/// The rows of a run in the order of its plans, numbered from 0. Intervals, commits and `--limit` count in these
/// numbers.
public final class PlannedRows {
    private final List<InputPlan.PlannedFile> files = new ArrayList<>();
    private final List<Numbered> splits = new ArrayList<>();
    private final Map<String, Long> rowsByFile = new HashMap<>();
    private final Set<Split> known = new HashSet<>();
    private final @Nullable String source;
    private long rows;

    private PlannedRows(@Nullable String source) {
        this.source = source;
    }

    /// @param first the number of the split's first row
    /// @param rowsBefore how many rows of the file come before it
    private record Numbered(Split split, long first, long rows, long rowsBefore) {}

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
                splits.add(new Numbered(key, rows, split.rows(), rowsBefore));
                rowsByFile.put(file.path(), rowsBefore + split.rows());
                rows += split.rows();
            }
        }
    }

    public long rows() {
        return rows;
    }

    public boolean contains(Split split) {
        return known.contains(split);
    }

    /// Returns the pieces of splits that contain rows `from` to `to`.
    public List<Piece> pieces(long from, long to) {
        List<Piece> pieces = new ArrayList<>();
        for (Numbered split : splits) {
            long start = Math.max(from, split.first());
            long end = Math.min(to, split.first() + split.rows());
            if (start < end) {
                pieces.add(new Piece(split.split(), start - split.first(), end - split.first(), split.rows(), start));
            }
        }
        return pieces;
    }

    /// Estimates the work of the rows before `row`: their bytes in the input files, or their count where the input
    /// does not lie in files.
    public double work(long row) {
        double bytes = 0;
        for (Numbered split : splits) {
            if (split.split().isWholeSource()) {
                return row;
            }
            double part = (double) (row - split.first()) / Math.max(1, split.rows());
            bytes += split.split().length() * Math.clamp(part, 0, 1);
        }
        return bytes;
    }

    /// Returns the origins of rows `from` to `to`.
    public Origins origins(long from, long to) {
        if (source != null) {
            return new Origins(List.of(new Origins.Stretch(source, 0, 0)));
        }
        return new Origins(splits.stream()
                .filter(split -> split.first() < to && split.first() + split.rows() > from)
                .map(split -> new Origins.Stretch(split.split().path(), split.first(), split.rowsBefore()))
                .toList());
    }

    /// Returns how many of rows `from` to `to` fit into `bytes` of the input files, and at least one.
    public long rowsWithin(long bytes, long from, long to) {
        double left = bytes;
        long count = 0;
        for (Piece piece : pieces(from, to)) {
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
