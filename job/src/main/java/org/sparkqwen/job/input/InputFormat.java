package org.sparkqwen.job.input;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// What is read, and how: paths, the name of a source on Spark's class path, and its options.
///
/// @param paths files, directories or globs, on any file system that Spark reads
/// @param name the source's name: `parquet`, `json`, `csv`, …
/// @param options the source's options, with the defaults of [#withDefaults]
/// @param leavesOutUnreadable whether files that cannot be read are left out instead of ending the run
public record InputFormat(List<String> paths, String name, Map<String, String> options, boolean leavesOutUnreadable) {
    /// Reads files of a format, with the defaults of [#withDefaults].
    public static InputFormat of(String name, String... paths) {
        return new InputFormat(List.of(paths), name, withDefaults(name, Map.of()), false);
    }

    /// Returns the given options, with our defaults where the user gives none: CSV as in RFC 4180, and JSON strings
    /// of any length. From then on the defaults are options like any others, in the manifest and in the run's
    /// identity.
    public static Map<String, String> withDefaults(String name, Map<String, String> given) {
        Map<String, String> options = new LinkedHashMap<>(given);
        switch (name.toLowerCase(Locale.ROOT)) {
            case "csv" -> {
                String quote = option(given, "quote").orElse("\"");
                if (!quote.isEmpty()) {
                    addDefault(options, "escape", quote);
                }
                addDefault(options, "multiLine", "true");
            }
            case "json" -> addDefault(options, "maxStringLen", Integer.toString(Integer.MAX_VALUE));
            default -> {}
        }
        return options;
    }

    private static void addDefault(Map<String, String> options, String name, String value) {
        if (option(options, name).isEmpty()) {
            options.put(name, value);
        }
    }

    /// Returns an option of the source, whatever the case of its name.
    public Optional<String> option(String name) {
        return option(options, name);
    }

    private static Optional<String> option(Map<String, String> options, String name) {
        return options.entrySet().stream()
                .filter(option -> option.getKey().equalsIgnoreCase(name))
                .map(Map.Entry::getValue)
                .findFirst();
    }
}
