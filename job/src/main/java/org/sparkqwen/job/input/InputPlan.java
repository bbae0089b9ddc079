package org.sparkqwen.job.input;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The input that a run has recorded: the files as they were, their splits, and the splits' row counts. It is kept as
/// JSON. A rerun that finds new files adds another plan.
public record InputPlan(List<PlannedFile> files) {
    /// The most files of a part, each of which takes about 300 bytes of JSON. A driver reads a part as a whole, and
    /// a million files in one would need hundreds of megabytes several times over.
    static final int MOST_FILES = 50_000;

    public InputPlan {
        files = List.copyOf(files);
        long rows = 0;
        for (PlannedFile file : files) {
            for (PlannedSplit split : file.splits()) {
                rows += split.rows();
                if (rows < 0) {
                    throw new IllegalArgumentException("it has more rows than can be counted");
                }
            }
        }
    }

    /// @param size in bytes
    /// @param modified the time of modification, in milliseconds since 1970
    public record PlannedFile(String path, long size, long modified, List<PlannedSplit> splits) {
        public PlannedFile {
            if (path == null || splits == null || size < 0) {
                throw new IllegalArgumentException("it has a file without a path, splits, or a size");
            }
        }
    }

    /// @see Split
    public record PlannedSplit(long start, long length, long rows) {
        public PlannedSplit {
            if (start < 0 || length < 0 || rows < 0) {
                throw new IllegalArgumentException(
                        "it has a split of %,d rows in %,d bytes from %,d on".formatted(rows, length, start));
            }
        }
    }

    /// @param rows the row count of each split, in the order of the plan
    public static InputPlan of(Map<Split, Long> rows, Map<String, InputScan.InputFile> files) {
        Map<String, PlannedFile> planned = new LinkedHashMap<>();
        rows.forEach((split, count) -> {
            InputScan.InputFile file = files.getOrDefault(split.path(), InputScan.NO_FILE);
            planned.computeIfAbsent(
                            split.path(),
                            path -> new PlannedFile(path, file.size(), file.modified(), new ArrayList<>(1)))
                    .splits()
                    .add(new PlannedSplit(split.start(), split.length(), count));
        });
        return new InputPlan(List.copyOf(planned.values()));
    }

    /// Divides the plan into plans of at most [#MOST_FILES] files, in their order.
    public List<InputPlan> parts() {
        List<InputPlan> parts = new ArrayList<>();
        for (int from = 0; from < files.size(); from += MOST_FILES) {
            parts.add(new InputPlan(files.subList(from, Math.min(files.size(), from + MOST_FILES))));
        }
        return parts;
    }
}
