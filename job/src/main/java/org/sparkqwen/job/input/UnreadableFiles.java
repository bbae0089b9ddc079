package org.sparkqwen.job.input;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.failure.Refusal;

/// Input files that cannot be read, such as a Parquet file without its footer or half of a gzip file.
///
/// @param reasons the reasons, by path
public record UnreadableFiles(Map<String, String> reasons) {
    /// The name of the quarantine's list of files that are left out. Readers of the quarantine skip it.
    public static final String LIST = "_files.json";

    public static final UnreadableFiles NONE = new UnreadableFiles(Map.of());

    private static final int SHOWN = 3;

    public boolean isEmpty() {
        return reasons.isEmpty();
    }

    public boolean contains(String path) {
        return reasons.containsKey(path);
    }

    public UnreadableFiles and(UnreadableFiles others) {
        Map<String, String> all = new TreeMap<>(reasons);
        all.putAll(others.reasons);
        return new UnreadableFiles(all);
    }

    /// Returns the files that are also in `paths`.
    public UnreadableFiles among(Set<String> paths) {
        Map<String, String> some = new TreeMap<>(reasons);
        some.keySet().retainAll(paths);
        return new UnreadableFiles(some);
    }

    public static UnreadableFiles of(List<Map<String, String>> list) {
        Map<String, String> reasons = new TreeMap<>();
        list.forEach(file -> reasons.put(file.getOrDefault("file", ""), file.getOrDefault("reason", "")));
        return new UnreadableFiles(reasons);
    }

    /// Returns the files and reasons as a list for JSON.
    public List<Map<String, String>> toList() {
        List<Map<String, String>> list = new ArrayList<>();
        reasons.forEach((file, reason) -> list.add(Map.of("file", file, "reason", reason)));
        return list;
    }

    /// Formats the files for a message, such as
    /// `2 input files cannot be read: /in/a.parquet (is not a Parquet file), /in/b.gz (unexpected end)`.
    @Override
    public String toString() {
        String named = reasons.entrySet().stream()
                .limit(SHOWN)
                .map(file -> "%s (%s)".formatted(Origin.shortened(file.getKey()), file.getValue()))
                .collect(Collectors.joining(", "));
        return "%,d input file%s cannot be read: %s%s"
                .formatted(
                        reasons.size(),
                        reasons.size() == 1 ? "" : "s",
                        named,
                        reasons.size() > SHOWN ? ", and %,d more".formatted(reasons.size() - SHOWN) : "");
    }

    public Refusal refusal() {
        return Refusal.failure(this + "; remove or replace what cannot be read, or leave it out with --on-error drop");
    }
}
