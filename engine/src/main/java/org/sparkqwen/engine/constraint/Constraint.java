package org.sparkqwen.engine.constraint;

import java.io.Serializable;
import java.util.List;
import org.sparkqwen.engine.constraint.regex.RegexParser;
import org.sparkqwen.engine.constraint.schema.JsonSchemaCompiler;

/// A constraint on a whole text. These records only name it. Whatever is wrong with a constraint is reported
/// when it is compiled.
public sealed interface Constraint extends Serializable {
    /// A regular expression that the whole text must match.
    ///
    /// @param pattern in the syntax of [RegexParser]
    record Regex(String pattern) implements Constraint {}

    /// A JSON schema. The text must be a JSON value that is valid under it.
    ///
    /// @param schema JSON text, see [JsonSchemaCompiler]
    /// @param depth how often a schema may be nested within itself
    record JsonSchema(String schema, int depth) implements Constraint {
        /// The default depth. It is enough for most trees, and small enough for schemas that branch into two.
        public static final int DEFAULT_DEPTH = 5;

        /// The greatest depth that is compiled.
        public static final int MOST_DEPTH = 50;

        public JsonSchema {
            if (depth < 0 || depth > MOST_DEPTH) {
                throw new IllegalArgumentException(
                        "schema-depth must be from 0 to %d, not %d".formatted(MOST_DEPTH, depth));
            }
        }

        public JsonSchema(String schema) {
            this(schema, DEFAULT_DEPTH);
        }
    }

    /// A list of texts. The text must be one of them.
    record Choices(List<String> texts) implements Constraint {
        public Choices {
            texts = List.copyOf(texts);
        }
    }
}
