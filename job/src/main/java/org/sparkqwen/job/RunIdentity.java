package org.sparkqwen.job;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.Fingerprint;
import picocli.CommandLine.Model.CommandSpec;

/// What makes a run this one: its job, its model, and every option that changes a row. A run is continued by the
/// same.
///
/// @param facts texts by name
record RunIdentity(Map<String, String> facts) {
    /// Options that change when, where, how fast, or into which files rows are written, but none of them. The
    /// model's directory is one: what counts are its name and its contents.
    private static final Set<String> CHANGE_NO_ROW = Set.of(
            "output",
            "output-option",
            "mode",
            "checkpoint-rows",
            "checkpoint-bytes",
            "target-file-size",
            "conf",
            "verbose",
            "model",
            "model-distribution",
            "cache-dir",
            "cache-size",
            "kernels",
            "threads",
            "batch-tokens",
            "max-sequences",
            "memory",
            "summary-by",
            // Changes no row as long as none has an error, which CheckpointedRun looks at.
            "on-error",
            "max-error-rate");

    private static final int SHOWN_DIFFERENCES = 3;

    /// @param model its name and sha256
    static RunIdentity of(CommandSpec command, String model) {
        Map<String, String> facts = new TreeMap<>();
        facts.put("job", command.name());
        facts.put("model", model);
        RunManifest.options(command).forEach((option, value) -> {
            if (!CHANGE_NO_ROW.contains(option)) {
                facts.put(option, withContents(value));
            }
        });
        return new RunIdentity(facts);
    }

    /// Of a local file that an option names, such as a JSON schema, the contents count. Input files are looked at
    /// by themselves, and `--input` is a list.
    private static String withContents(@Nullable Object value) {
        String text = value == null ? "unset" : value.toString();
        if (value instanceof String name) {
            try {
                Path file = Path.of(name);
                if (Files.isRegularFile(file)) {
                    return "%s (sha256 %s)".formatted(name, Fingerprint.of(file));
                }
            } catch (InvalidPathException e) {
                return text; // no file, but a value
            }
        }
        return text;
    }

    /// The first differences to another identity for a person, `temperature 0.8, not 1.0; seed 1, not 2`; empty if
    /// there are none.
    ///
    /// @param other whose values come after `not`
    String differences(RunIdentity other) {
        Set<String> names = new TreeSet<>(facts.keySet());
        names.addAll(other.facts.keySet());
        List<String> differences = new ArrayList<>();
        for (String name : names) {
            String here = facts.getOrDefault(name, "unset");
            String there = other.facts.getOrDefault(name, "unset");
            if (!here.equals(there)) {
                differences.add("%s %s, not %s".formatted(name, oneLine(here), oneLine(there)));
            }
        }
        int shown = Math.min(SHOWN_DIFFERENCES, differences.size());
        String text = String.join("; ", differences.subList(0, shown));
        return differences.size() > shown ? text + "; and %d more".formatted(differences.size() - shown) : text;
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\s*\\R\\s*", " ");
    }
}
