package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;
import org.sparkqwen.job.failure.Refusal;

/// A prompt with columns in it, such as `Write about {topic} in {language}.`, where `{{` and `}}` stand for braces. The
/// template itself may hold special tokens. Those in the columns are text, unless the user wants otherwise.
///
/// @param pieces the pieces in their order
/// @param special whether special tokens in the columns are text or tokens
public record PromptTemplate(List<Piece> pieces, SpecialTokens special) implements PromptSource {

    /// A piece of a template.
    public sealed interface Piece extends Serializable {}

    /// Text of the template itself.
    public record Literal(String text) implements Piece {}

    /// A column, named by its name or by the path of a field within one.
    public record Slot(String column) implements Piece {}

    public PromptTemplate {
        pieces = List.copyOf(pieces);
    }

    /// Reads a template as a user writes it, with columns in braces.
    ///
    /// @param special how special tokens in the columns are read; those of the template itself are always tokens
    /// @throws IllegalArgumentException if the template is wrong; it says where
    public static PromptTemplate parse(String template, SpecialTokens special) {
        List<Piece> pieces = new ArrayList<>();
        StringBuilder literal = new StringBuilder();
        for (int i = 0; i < template.length(); i++) {
            char c = template.charAt(i);
            boolean doubled = i + 1 < template.length() && template.charAt(i + 1) == c;
            if ((c == '{' || c == '}') && doubled) {
                literal.append(c);
                i++;
            } else if (c == '}') {
                throw new IllegalArgumentException(
                        "template: the } at %d closes nothing; write }} for a brace".formatted(i));
            } else if (c == '{') {
                int end = template.indexOf('}', i);
                if (end < 0) {
                    throw new IllegalArgumentException(
                            "template: the { at %d is not closed; write {{ for a brace".formatted(i));
                }
                String column = template.substring(i + 1, end);
                if (column.isBlank() || column.indexOf('{') >= 0) {
                    throw new IllegalArgumentException(
                            "template: {%s} at %d is no column; write {{ for a brace".formatted(column, i));
                }
                addLiteral(pieces, literal);
                pieces.add(new Slot(column));
                i = end;
            } else {
                literal.append(c);
            }
        }
        addLiteral(pieces, literal);
        return new PromptTemplate(pieces, special);
    }

    private static void addLiteral(List<Piece> pieces, StringBuilder literal) {
        if (!literal.isEmpty()) {
            pieces.add(new Literal(literal.toString()));
            literal.setLength(0);
        }
    }

    @Override
    public void checkIn(StructType input) {
        for (String name : names()) {
            DataType type = ColumnPath.of(name, input)
                    .orElseThrow(() -> Refusal.usage("--template: the input has no column '%s'; it has %s"
                            .formatted(name, ContentColumn.quoted(List.of(input.fieldNames())))))
                    .type();
            if (type instanceof ArrayType || type instanceof MapType || type instanceof StructType) {
                throw Refusal.usage(
                        "--template: column '%s' is %s; text, numbers, dates and truth values can be filled in"
                                .formatted(name, type.simpleString()));
            }
        }
    }

    /// Estimates 0, because prompts of one template have similar lengths, and are short beside what is
    /// generated.
    @Override
    public Column estimatedTokens(StructType input) {
        return functions.lit(0);
    }

    /// Selects the columns as bytes, because a string from Spark would hide malformed UTF-8 behind replacement
    /// characters.
    @Override
    public List<Column> columns(StructType input) {
        return names().stream()
                .map(name -> {
                    ColumnPath path = ColumnPath.of(name, input).orElseThrow();
                    boolean bytes = path.type().equals(DataTypes.BinaryType);
                    return (bytes ? path.column() : path.column().cast(DataTypes.StringType))
                            .cast(DataTypes.BinaryType);
                })
                .toList();
    }

    private List<String> names() {
        return pieces.stream()
                .filter(Slot.class::isInstance)
                .map(piece -> ((Slot) piece).column())
                .toList();
    }

    @Override
    public Content read(Row row, int first) {
        List<TextPart> parts = new ArrayList<>();
        int next = first;
        for (Piece piece : pieces) {
            switch (piece) {
                case Literal literal -> parts.add(new TextPart(literal.text(), SpecialTokens.PARSE));
                case Slot slot -> {
                    Content content = new ContentColumn.Text(slot.column(), special).readValue(row.get(next++));
                    if (!(content instanceof Content.Text text)) {
                        String reason = content instanceof Content.Unreadable unreadable ? unreadable.reason() : "";
                        return new Content.Unreadable("column '%s': %s".formatted(slot.column(), reason));
                    }
                    parts.add(new TextPart(text.text(), special));
                }
            }
        }
        return new Content.Parts(parts);
    }
}
