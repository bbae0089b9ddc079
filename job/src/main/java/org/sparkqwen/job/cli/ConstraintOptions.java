package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import picocli.CommandLine.Option;

/// The options that constrain what texts look like.
final class ConstraintOptions {
    @Option(
            names = "--regex",
            paramLabel = "PATTERN",
            description = "Every text matches this regular expression (ECMA-262) as a whole. Back-references are not"
                    + " supported.")
    private @Nullable String regex;

    @NamesFile
    @Option(
            names = "--json-schema",
            paramLabel = "FILE",
            description = "Every text is JSON that is valid under the schema in this file. If the value begins with a"
                    + " brace, it is the schema itself.")
    private @Nullable String jsonSchema;

    @Option(
            names = "--schema-depth",
            paramLabel = "N",
            defaultValue = "" + Constraint.JsonSchema.DEFAULT_DEPTH,
            description = "A value nests within itself at most N times where the schema is recursive, or where it"
                    + " allows anything. Default: ${DEFAULT-VALUE}.")
    private int schemaDepth;

    @Option(names = "--choices", arity = "1..*", paramLabel = "TEXT", description = "Every text is one of these.")
    private List<String> choices = new ArrayList<>();

    /// Returns the constraint. It is compiled once here, so that one that cannot be met is refused before the run.
    @Nullable
    Constraint constraint(ModelReference model) {
        List<Constraint> given = new ArrayList<>();
        if (regex != null) {
            given.add(new Constraint.Regex(regex));
        }
        if (jsonSchema != null) {
            given.add(jsonSchema(jsonSchema));
        }
        if (!choices.isEmpty()) {
            given.add(new Constraint.Choices(choices));
        }
        if (given.isEmpty()) {
            return null;
        }
        if (given.size() > 1) {
            throw Refusal.usage("give one of --regex, --json-schema and --choices");
        }
        if (!model.hasTokenizer()) {
            throw Refusal.usage("--regex, --json-schema and --choices need a model with a tokenizer");
        }
        try {
            model.check(given.getFirst());
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
        return given.getFirst();
    }

    private Constraint jsonSchema(String given) {
        String schema = given.stripLeading().startsWith("{") ? given : OptionFile.text("--json-schema", given);
        try {
            return new Constraint.JsonSchema(schema, schemaDepth);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }
}
