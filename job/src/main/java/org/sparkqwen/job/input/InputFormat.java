package org.sparkqwen.job.input;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.failure.Refusal;

/// An input: files with their format and options, or a table, or a query.
///
/// @param paths files, directories or globs, on any file system that Spark reads; empty for a table or a query
/// @param name the source's name: `parquet`, `json`, `csv`, …
/// @param options the source's options, with the defaults of [#withDefaults]
/// @param leavesOutUnreadable whether files that cannot be read are left out instead of ending the run
/// @param table a table or a view of one of Spark's catalogs; null if something else is read
/// @param sql a query; null if something else is read
public record InputFormat(
        List<String> paths,
        String name,
        Map<String, String> options,
        boolean leavesOutUnreadable,
        @Nullable String table,
        @Nullable String sql) {
    /// The format in which a run keeps a copy of a table's rows.
    private static final String COPIED = "parquet";

    /// @throws Refusal if more than one of paths, table and query is given
    public InputFormat {
        int given = (paths.isEmpty() ? 0 : 1) + (table == null ? 0 : 1) + (sql == null ? 0 : 1);
        if (given > 1) {
            throw Refusal.usage("--input, --input-table and --input-sql exclude each other; give one of them");
        }
    }

    /// Reads files.
    public InputFormat(List<String> paths, String name, Map<String, String> options, boolean leavesOutUnreadable) {
        this(paths, name, options, leavesOutUnreadable, null, null);
    }

    /// Reads a table or a view.
    ///
    /// @param table its name as in SQL, such as `corpus`, `library.books` or `catalog.library.books`
    public static InputFormat ofTable(String table) {
        return new InputFormat(List.of(), COPIED, Map.of(), false, table, null);
    }

    /// Reads the rows of a query.
    ///
    /// @param sql a query in Spark's SQL, such as a `SELECT`
    public static InputFormat ofSql(String sql) {
        return new InputFormat(List.of(), COPIED, Map.of(), false, null, sql);
    }

    /// Returns the same input with another way to treat files that cannot be read.
    public InputFormat withLeavingOutUnreadable(boolean value) {
        return new InputFormat(paths, name, options, value, table, sql);
    }

    /// Returns whether the rows are those of a table or a query, and not of files.
    public boolean isTable() {
        return table != null || sql != null;
    }

    /// Returns how the command line names the input, for a person.
    public String source() {
        return sql != null ? "--input-sql" : table != null ? "--input-table " + Quote.of(table) : "--input";
    }

    /// Returns what stands for a file in the origin of a row that does not come from one.
    public String origin() {
        return sql != null ? "query" : table != null ? "table " + table : name + " input";
    }

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
