package org.sparkqwen.job.input;

import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.columns.UnreadableColumn;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Origin;
import org.sparkqwen.job.spark.ParquetSchemas;

/// The columns of an input's Parquet files, from their footers. Spark takes the columns of one file for all files, and
/// skips other columns silently.
///
/// @param layouts the different layouts; that of the first file comes first
/// @param caseSensitive whether names that differ by case are two columns
record ParquetColumns(List<Layout> layouts, boolean caseSensitive) {
    private static final int MOST_WARNINGS = 5;

    /// The columns that some files have in common.
    ///
    /// @param example the first of these files
    /// @param files how many files there are
    record Layout(List<FileColumn> columns, String example, long files) implements Serializable {
        Layout plus(Layout other) {
            return new Layout(
                    columns, example.compareTo(other.example) <= 0 ? example : other.example, files + other.files);
        }
    }

    /// A column of a file.
    ///
    /// @param type the type, for a person
    /// @param json the type as Spark writes it; null if Spark does not read it
    record FileColumn(String name, String type, @Nullable String json) implements Serializable {}

    /// Reads the footers of files. It skips files without one, because reading their rows says what is wrong.
    static ParquetColumns of(SparkSession spark, Collection<String> paths, int tasks) {
        ParquetSchemas reading = ParquetSchemas.of(spark);
        SerializableConfiguration hadoop =
                new SerializableConfiguration(spark.sessionState().newHadoopConf());
        Map<List<FileColumn>, Layout> layouts = new HashMap<>();
        JavaSparkContext.fromSparkContext(spark.sparkContext())
                .parallelize(List.copyOf(paths), Math.clamp(paths.size(), 1, tasks))
                .mapPartitions(files -> layouts(files, reading, hadoop).iterator())
                .collect()
                .forEach(layout -> layouts.merge(layout.columns(), layout, Layout::plus));
        return new ParquetColumns(
                layouts.values().stream()
                        .sorted(Comparator.comparing(Layout::example))
                        .toList(),
                reading.caseSensitive());
    }

    private static List<Layout> layouts(
            Iterator<String> files, ParquetSchemas reading, SerializableConfiguration hadoop) {
        Function<MessageType, StructType> converter = reading.converter();
        Map<List<FileColumn>, Layout> layouts = new LinkedHashMap<>();
        while (files.hasNext()) {
            String file = files.next();
            try {
                List<FileColumn> columns = columns(ParquetFooter.schema(file, hadoop.value()), converter);
                layouts.merge(columns, new Layout(columns, file, 1), Layout::plus);
            } catch (IOException | RuntimeException e) {
                // counting the file's rows says what is wrong with it
            }
        }
        return List.copyOf(layouts.values());
    }

    private static List<FileColumn> columns(MessageType schema, Function<MessageType, StructType> converter) {
        List<FileColumn> columns = new ArrayList<>();
        for (Type type : schema.getFields()) {
            columns.add(column(type, converter));
        }
        return columns;
    }

    private static FileColumn column(Type type, Function<MessageType, StructType> converter) {
        try {
            DataType found =
                    converter.apply(new MessageType("column", type)).apply(0).dataType();
            return new FileColumn(type.getName(), found.catalogString(), found.json());
        } catch (Exception e) { // Spark throws a checked exception that it does not declare
            String reason =
                    Failures.firstLine(e).replaceFirst("^\\[[A-Z_.]+] ", "").replaceFirst("(?s) SQLSTATE.*", "");
            return new FileColumn(type.getName(), reason, null);
        }
    }

    /// Returns whether this many files have the same columns.
    boolean areThoseOfAll(long files) {
        return layouts.size() == 1 && layouts.getFirst().files() == files;
    }

    /// Returns whether Spark cannot read some column of some file.
    boolean hasUnreadable() {
        return layouts.stream().anyMatch(layout -> layout.columns().stream().anyMatch(column -> column.json() == null));
    }

    /// Returns the columns of the first file. It includes those that Spark does not read, so that they can be
    /// named, see [UnreadableColumn].
    StructType schema() {
        StructType schema = new StructType();
        Layout first = layouts.getFirst();
        for (FileColumn column : first.columns()) {
            String json = column.json();
            schema = json == null
                    ? UnreadableColumn.addTo(schema, column.name(), reason(column.type(), first.example()))
                    : schema.add(column.name(), DataType.fromJson(json), true);
        }
        return schema;
    }

    private static String reason(String type, String file) {
        return "%s, in %s".formatted(Quote.of(type.replaceFirst("\\.$", "")), Quote.of(Origin.shortened(file)));
    }

    /// Returns warnings about files that do not have the same columns.
    ///
    /// @param read the columns that are read from all files
    List<String> differences(StructType read) {
        long files = layouts.stream().mapToLong(Layout::files).sum();
        Set<String> known = new LinkedHashSet<>();
        for (String name : read.fieldNames()) {
            known.add(key(name));
        }
        Map<String, Map<String, String>> exampleByType = new TreeMap<>();
        Map<String, Long> having = new TreeMap<>();
        Map<String, String> names = new TreeMap<>();
        for (Layout layout : layouts) {
            for (FileColumn column : layout.columns()) {
                String key = key(column.name());
                names.putIfAbsent(key, column.name());
                having.merge(key, layout.files(), Long::sum);
                exampleByType
                        .computeIfAbsent(key, _ -> new LinkedHashMap<>())
                        .putIfAbsent(column.type(), layout.example());
            }
        }
        List<String> lines = new ArrayList<>();
        having.forEach((key, count) -> {
            Map<String, String> types = exampleByType.getOrDefault(key, Map.of());
            String name = Quote.of(names.get(key));
            if (count < files) {
                String example = types.values().iterator().next();
                lines.add("column '%s' is in %,d of %,d input files only, such as %s; %s"
                        .formatted(
                                name,
                                count,
                                files,
                                Quote.of(Origin.shortened(example)),
                                known.contains(key)
                                        ? "it is null in the others' rows"
                                        : "it is not read: --input-option mergeSchema=true reads it"));
            }
            if (types.size() > 1) {
                lines.add("column '%s' is not of the same type in all input files: %s"
                        .formatted(
                                name,
                                types.entrySet().stream()
                                        .limit(3)
                                        .map(type -> "%s in %s"
                                                .formatted(
                                                        Quote.of(type.getKey()),
                                                        Quote.of(Origin.shortened(type.getValue()))))
                                        .collect(Collectors.joining(", "))));
            }
        });
        if (lines.size() > MOST_WARNINGS) {
            List<String> first = new ArrayList<>(lines.subList(0, MOST_WARNINGS));
            first.add("%,d more columns are not the same in all input files".formatted(lines.size() - MOST_WARNINGS));
            return first;
        }
        return lines;
    }

    private String key(String name) {
        return caseSensitive ? name : name.toLowerCase(Locale.ROOT);
    }
}
