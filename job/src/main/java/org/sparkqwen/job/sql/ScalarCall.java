package org.sparkqwen.job.sql;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.job.cli.JobOptions;
import org.sparkqwen.job.columns.ToolSource;
import org.sparkqwen.job.failure.Refusal;
import scala.collection.immutable.Seq;

/// A call of a scalar function, such as `qwen_score(text)`, as an expression of Spark's.
///
/// Its first argument is the text, or token ids, and its options are constants. Spark calls this whenever it analyzes a
/// query, so no model is opened here.
final class ScalarCall {
    /// The options that name columns, or make several results of a row. A table function has them.
    private static final Set<String> OF_TABLES = Set.of("row-params", "template", "samples");

    private static final String TOOLS = "tools";

    private static final DataType TOKEN_IDS = DataTypes.createArrayType(DataTypes.IntegerType);

    private ScalarCall() {}

    /// @throws Refusal if the arguments make no sense
    static Expression of(JobFunction function, Seq<Expression> given) {
        return SqlNames.inMessages(() -> {
            FunctionArguments arguments = FunctionArguments.of(function.scalarName(), given);
            Expression content = arguments.takeFirst(function.content(), "a text");
            Map<String, List<String>> options = new HashMap<>(SessionOptions.of(function));
            boolean tokens = isTokens(content.dataType());
            refuseUnsuitable(function, content.dataType());
            List<String> names = new ArrayList<>(List.of(function.content()));
            List<Expression> children = new ArrayList<>(List.of(typed(content, DataTypes.StringType)));
            for (String other : function.others()) {
                Expression value = arguments.take(other);
                if (value != null) {
                    refuseUnlike(function, other, value.dataType(), tokens);
                    names.add(other);
                    children.add(typed(value, tokens ? TOKEN_IDS : DataTypes.StringType));
                }
            }
            options.putAll(arguments.options(function.job(), offered(function)));
            refuseMessagesWithoutChat(function, content.dataType(), options);
            refuseColumnOfTools(function, options);
            names.forEach(name -> options.put(name + FunctionArguments.COLUMN, List.of(name)));
            if (tokens) {
                options.remove(function.content() + FunctionArguments.COLUMN);
                options.put("tokens" + FunctionArguments.COLUMN, List.of(function.content()));
            }
            StructType schema = JobOptions.parse(function.job(), options).addedColumns();
            // With a single child, Spark would chain a call whose argument is a call, and evaluate both at once.
            children.add(new Literal(names.size(), DataTypes.IntegerType));
            return new JobCall(function, false, names, options, schema).expression(children);
        });
    }

    private static Set<String> offered(JobFunction function) {
        return JobOptions.names(function.job()).stream()
                .filter(option -> !option.endsWith(FunctionArguments.COLUMN) && !OF_TABLES.contains(option))
                .collect(Collectors.toSet());
    }

    /// Gives an untyped null a type, so that it is a row with an error.
    private static Expression typed(Expression value, DataType type) {
        return value.dataType().equals(DataTypes.NullType) ? new Literal(null, type) : value;
    }

    private static boolean isText(DataType type) {
        return type instanceof StringType || type.equals(DataTypes.BinaryType) || type.equals(DataTypes.NullType);
    }

    private static boolean isTokens(DataType type) {
        return type instanceof ArrayType array
                && (array.elementType().equals(DataTypes.IntegerType)
                        || array.elementType().equals(DataTypes.LongType));
    }

    private static void refuseUnsuitable(JobFunction function, DataType type) {
        String expected = expected(function, type);
        if (expected != null) {
            throw Refusal.usage(
                    "%s takes %s, not %s".formatted(function.scalarName(), expected, Quote.of(type.simpleString())));
        }
    }

    /// Refuses another argument that is read for each row but is not what the first one is.
    private static void refuseUnlike(JobFunction function, String name, DataType type, boolean tokens) {
        boolean alike = tokens ? isTokens(type) || type.equals(DataTypes.NullType) : isText(type);
        if (!alike) {
            throw Refusal.usage("%s: %s is %s, not %s"
                    .formatted(
                            function.scalarName(),
                            name,
                            tokens ? "token ids beside token ids" : "text beside a text",
                            Quote.of(type.simpleString())));
        }
    }

    private static void refuseMessagesWithoutChat(
            JobFunction function, DataType type, Map<String, List<String>> options) {
        boolean chat = options.getOrDefault("chat", List.of()).stream().anyMatch(Boolean::parseBoolean);
        if (type instanceof ArrayType && !isTokens(type) && !chat) {
            throw Refusal.usage("%s takes text or token ids, and with chat => true messages, not %s"
                    .formatted(function.scalarName(), Quote.of(type.simpleString())));
        }
    }

    private static void refuseColumnOfTools(JobFunction function, Map<String, List<String>> options) {
        List<String> tools = options.get(TOOLS);
        if (tools != null && ToolSource.of(String.join(",", tools)) instanceof ToolSource.FromColumn column) {
            throw Refusal.usage("%s: tools is neither a list in JSON nor a file of the driver: %s; %s takes a column"
                    .formatted(function.scalarName(), Quote.of(column.name()), function.tableName()));
        }
    }

    /// Returns what the first argument may be; null if `type` is suitable.
    private static @Nullable String expected(JobFunction function, DataType type) {
        boolean text = isText(type);
        return switch (function) {
            case SCORE, EMBED -> text || isTokens(type) ? null : "text or token ids (array<int> or array<bigint>)";
            case GENERATE, CLASSIFY -> text || type instanceof ArrayType ? null : "text, token ids or messages";
            case TOKENIZE -> text ? null : "text";
        };
    }
}
