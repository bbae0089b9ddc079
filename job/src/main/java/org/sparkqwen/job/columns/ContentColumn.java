package org.sparkqwen.job.columns;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.spark.RowNumber;

/// The input column with a row's document or prompt.
public sealed interface ContentColumn extends PromptSource permits ContentColumn.Text, ContentColumn.Tokens {
    /// Returns the name as the user says it: of a column, or the path of a field within one.
    String name();

    /// Selects the column in the form that [#readValue] expects.
    Column select(StructType input);

    /// Reads a row's value; [Content.Unreadable] for one that is null or malformed.
    Content readValue(@Nullable Object value);

    @Override
    default List<Column> columns(StructType input) {
        return List.of(select(input));
    }

    @Override
    default Content read(Row row, int first) {
        return readValue(row.get(first));
    }

    /// Returns what type the column must have if this type is not suitable; empty if it is.
    Optional<String> mismatch(DataType type);

    /// A column of strings, or of bytes in UTF-8.
    ///
    /// @param special whether special tokens in it are text or tokens
    record Text(String name, SpecialTokens special) implements ContentColumn {
        private static final int BYTES_PER_TOKEN = 4;

        @Override
        public Column estimatedTokens(StructType input) {
            return functions
                    .octet_length(ColumnPath.checked(name, input).column())
                    .divide(BYTES_PER_TOKEN);
        }

        /// Selects the column as bytes, because a string from Spark would hide malformed UTF-8 behind
        /// replacement characters.
        @Override
        public Column select(StructType input) {
            return ColumnPath.checked(name, input).column().cast(DataTypes.BinaryType);
        }

        @Override
        public Content readValue(@Nullable Object value) {
            if (!(value instanceof byte[] bytes)) {
                return new Content.Unreadable("the text is null");
            }
            CharsetDecoder decoder = StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT);
            ByteBuffer input = ByteBuffer.wrap(bytes);
            CharBuffer output = CharBuffer.allocate(bytes.length);
            CoderResult result = decoder.decode(input, output, true);
            if (result.isError()) {
                return new Content.Unreadable("the text is not valid UTF-8 at byte %d".formatted(input.position()));
            }
            return new Content.Text(output.flip().toString(), special);
        }

        @Override
        public Optional<String> mismatch(DataType type) {
            return type instanceof StringType || type.equals(DataTypes.BinaryType)
                    ? Optional.empty()
                    : Optional.of("string or binary");
        }
    }

    /// A column of token ids: arrays of int or bigint.
    record Tokens(String name) implements ContentColumn {
        @Override
        public Column estimatedTokens(StructType input) {
            return functions.size(ColumnPath.checked(name, input).column());
        }

        @Override
        public Column select(StructType input) {
            return ColumnPath.checked(name, input).column().cast(DataTypes.createArrayType(DataTypes.LongType));
        }

        @Override
        public Content readValue(@Nullable Object value) {
            if (!(value instanceof scala.collection.Seq<?> seq)) {
                return new Content.Unreadable("the token list is null");
            }
            int[] ids = new int[seq.length()];
            for (int i = 0; i < ids.length; i++) {
                if (!(seq.apply(i) instanceof Long id)) {
                    return new Content.Unreadable("token %d is null".formatted(i));
                }
                if (id < 0 || id > Integer.MAX_VALUE) {
                    return new Content.Unreadable("token id %d is outside any vocabulary".formatted(id));
                }
                ids[i] = id.intValue();
            }
            return new Content.Tokens(ids);
        }

        @Override
        public Optional<String> mismatch(DataType type) {
            return type instanceof ArrayType array
                            && (array.elementType().equals(DataTypes.IntegerType)
                                    || array.elementType().equals(DataTypes.LongType))
                    ? Optional.empty()
                    : Optional.of("array<int> or array<bigint>");
        }
    }

    /// Returns a column of another name that is read in the same way.
    default ContentColumn named(String other) {
        return switch (this) {
            case Text text -> new Text(other, text.special());
            case Tokens tokens -> new Tokens(other);
        };
    }

    /// Selects what a name means among some columns: a column, or a field within one. Empty if they do not have it.
    static Optional<Column> named(String name, StructType columns) {
        return ColumnPath.of(name, columns).map(ColumnPath::column);
    }

    /// Selects a column by its exact name, dots included.
    static Column column(String name) {
        return functions.col("`%s`".formatted(name.replace("`", "``")));
    }

    /// Checks that the input has this column, as a column of prompts.
    @Override
    default void checkIn(StructType schema) {
        checkIn(schema, this instanceof Tokens ? "--tokens-column" : "--prompt-column");
    }

    /// Checks that the input has this column, as a column of documents.
    default void checkDocumentsIn(StructType schema) {
        checkIn(schema, this instanceof Tokens ? "--tokens-column" : "--text-column");
    }

    /// Refuses an input without this column, or with one of another type.
    ///
    /// @param option the option that names the column
    default void checkIn(StructType schema, String option) {
        StructType columns = RowProblem.without(schema);
        List<String> names = List.of(columns.fieldNames());
        ColumnPath path = ColumnPath.of(name(), columns)
                .orElseThrow(() -> Refusal.usage("the input has no column '%s'; it has %s. Choose one with %s%s"
                        .formatted(
                                Quote.of(name()),
                                quoted(names),
                                option,
                                names.contains("_c0")
                                        ? ", or take the names from the first line with --input-option header=true"
                                        : "")));
        UnreadableColumn.refuse(schema, path.names().subList(0, 1));
        DataType type = path.type();
        mismatch(type).ifPresent(expected -> {
            throw Refusal.usage("column '%s' is %s; %s takes %s"
                    .formatted(Quote.of(name()), Quote.of(type.simpleString()), option, expected));
        });
    }

    /// Quotes names of columns for a message, the first of many. Columns that are no person's are left out.
    static String quoted(Collection<String> names) {
        List<String> known =
                names.stream().filter(name -> !name.startsWith(RowNumber.ADDED)).toList();
        if (known.isEmpty()) {
            return "none";
        }
        int shown = 20;
        String first = known.stream().limit(shown).map(Quote::of).collect(Collectors.joining("', '", "'", "'"));
        return known.size() > shown ? "%s and %,d more".formatted(first, known.size() - shown) : first;
    }
}
