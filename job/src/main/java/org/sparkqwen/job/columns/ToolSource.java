package org.sparkqwen.job.columns;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.job.failure.Failures;
import org.sparkqwen.job.failure.Refusal;

/// The source of the tools that a chat's model may call: fixed for all rows, or a column.
public sealed interface ToolSource extends Serializable {

    /// Tools that are the same for all rows.
    ///
    /// @param tools the tools, each as in JSON, such as `{"type": "function", "function": {...}}`
    record Fixed(List<?> tools) implements ToolSource {}

    /// A column of tools: a string with a JSON list of them, or an array of such objects or of strings with their
    /// JSON.
    ///
    /// @param name the name of a column, or the path of a field
    record FromColumn(String name) implements ToolSource {
        void checkIn(StructType input) {
            DataType type = ColumnPath.of(name, input)
                    .orElseThrow(() -> Refusal.usage(
                            "--tools %s is no file of this machine, and the input has no such column; it has %s"
                                    .formatted(name, ContentColumn.quoted(List.of(input.fieldNames())))))
                    .type();
            DataType element = type instanceof ArrayType array ? array.elementType() : type;
            boolean fits = element instanceof StringType
                    || element.equals(DataTypes.BinaryType)
                    || (type instanceof ArrayType && (element instanceof StructType || element instanceof MapType));
            if (!fits) {
                throw Refusal.usage("column '%s' is %s; --tools takes a string of JSON, or an array of tools"
                        .formatted(name, type.simpleString()));
            }
        }

        /// Reads the tools of a row; null for none.
        ///
        /// @param value the value as [MessageValues#cast] makes it
        /// @throws IllegalArgumentException if no tools can be read from it
        static @Nullable List<?> read(@Nullable Object value) {
            Object tools = MessageValues.of(value, "tools");
            return tools == null
                    ? null
                    : orNone(tools instanceof String json ? list(json, "tools") : list(tools, "tools"));
        }

        private static @Nullable List<?> orNone(List<?> tools) {
            return tools.isEmpty() ? null : tools;
        }
    }

    /// Finds what `--tools` names: JSON itself, a file of this machine, or else a column.
    static ToolSource of(String given) {
        if (given.stripLeading().startsWith("[")) {
            return fixed(given, "--tools");
        }
        Path file = file(given);
        return file == null ? new FromColumn(given) : fixed(content(file, given), "--tools " + given);
    }

    private static @Nullable Path file(String given) {
        try {
            Path file = Path.of(given);
            return Files.exists(file) ? file : null;
        } catch (InvalidPathException e) {
            return null;
        }
    }

    private static String content(Path file, String given) {
        if (!Files.isRegularFile(file)) {
            throw Refusal.usage("--tools %s is no file of JSON".formatted(given));
        }
        try {
            String json = MessageValues.text(Files.readAllBytes(file), "--tools " + given);
            return json.startsWith("\uFEFF") ? json.substring(1) : json;
        } catch (IOException e) {
            throw Refusal.usage("--tools %s cannot be read: %s".formatted(given, Failures.firstLine(e)));
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private static Fixed fixed(String json, String place) {
        try {
            List<?> tools = list(json, place);
            if (tools.isEmpty()) {
                throw Refusal.usage("%s: the list of tools is empty; leave --tools out".formatted(place));
            }
            return new Fixed(tools);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private static List<?> list(String json, String place) {
        return list(MessageValues.parse(json, place), place);
    }

    private static List<?> list(@Nullable Object value, String place) {
        if (!(value instanceof List<?> given)) {
            throw new IllegalArgumentException("%s: not a JSON list of tools".formatted(place));
        }
        List<Object> tools = new ArrayList<>();
        for (int i = 0; i < given.size(); i++) {
            Object tool = given.get(i) instanceof String json ? MessageValues.parse(json, place) : given.get(i);
            if (!(tool instanceof Map<?, ?>)) {
                throw new IllegalArgumentException("%s: tool %d is no JSON object".formatted(place, i));
            }
            tools.add(tool);
        }
        return tools;
    }
}
