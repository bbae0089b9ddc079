package org.sparkqwen.engine.constraint;

import java.io.Serializable;
import java.util.List;

/// What a text must look like as a whole. Only named here: what is wrong with it is told when it is compiled.
public sealed interface Constraint extends Serializable {
    /// @param pattern a regular expression that the whole text matches, see [RegexParser]
    record Regex(String pattern) implements Constraint {}

    /// @param schema JSON text; the text is a JSON value that is valid by this schema, see [JsonSchemaCompiler]
    record JsonSchema(String schema) implements Constraint {}

    /// @param texts the text is one of these
    record Choices(List<String> texts) implements Constraint {
        public Choices {
            texts = List.copyOf(texts);
        }
    }
}
