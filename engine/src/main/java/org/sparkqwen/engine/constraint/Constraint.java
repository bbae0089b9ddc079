package org.sparkqwen.engine.constraint;

import java.io.Serializable;
import java.util.List;

/// What a text must look like as a whole. Only named here: what is wrong with it is told when it is compiled.
public sealed interface Constraint extends Serializable {
    /// @param pattern a regular expression that the whole text matches, see [RegexParser]
    record Regex(String pattern) implements Constraint {}

    /// @param schema JSON text; the text is a JSON value that is valid by this schema, see
    ///     [JsonSchemaCompiler]
    /// @param depth how often a schema may be within itself
    record JsonSchema(String schema, int depth) implements Constraint {
        /// Enough for most trees, and few enough states for those with two branches.
        public static final int DEFAULT_DEPTH = 5;

        /// Deeper ones are not compiled.
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

    /// @param texts the text is one of these
    record Choices(List<String> texts) implements Constraint {
        public Choices {
            texts = List.copyOf(texts);
        }
    }
}
