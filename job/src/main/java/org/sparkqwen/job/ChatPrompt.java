package org.sparkqwen.job;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.Content;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;

/// A prompt that the model's chat template makes of a conversation: of one message by the user, or of a column of
/// messages, each a struct of `role` and `content`.
///
/// @param user what gives the user's message; a column may hold messages instead
/// @param system what stands before it; null for nothing
/// @param thinking the template's `enable_thinking`; null to leave it to the template
public record ChatPrompt(
        PromptSource user,
        @Nullable String system,
        @Nullable Boolean thinking) implements PromptSource {

    private static final DataType MESSAGES = DataTypes.createArrayType(
            new StructType().add("role", DataTypes.StringType).add("content", DataTypes.StringType));

    @Override
    public void checkIn(StructType input) {
        if (!holdsMessages(input)) {
            user.checkIn(input);
        }
    }

    private boolean holdsMessages(StructType input) {
        return user instanceof ContentColumn column
                && List.of(input.fieldNames()).contains(column.name())
                && input.apply(column.name()).dataType() instanceof ArrayType array
                && array.elementType() instanceof StructType message
                && List.of(message.fieldNames()).containsAll(List.of("role", "content"));
    }

    /// Prompts of a kind of conversation are of a length, and short beside what is generated.
    @Override
    public Column estimatedTokens() {
        return functions.lit(0);
    }

    @Override
    public List<Column> columns(StructType input) {
        if (user instanceof ContentColumn column && holdsMessages(input)) {
            return List.of(functions
                    .transform(
                            ContentColumn.column(column.name()),
                            message -> functions.struct(message.getField("role"), message.getField("content")))
                    .cast(MESSAGES));
        }
        return user.columns(input);
    }

    @Override
    public Content read(Row row, int first) {
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(new Message("system", system));
        }
        if (row.get(first) instanceof scala.collection.Seq<?> conversation) {
            for (int i = 0; i < conversation.length(); i++) {
                if (!(conversation.apply(i) instanceof Row message) || message.isNullAt(0) || message.isNullAt(1)) {
                    return new Content.Unreadable("message %d has no role or no content".formatted(i));
                }
                messages.add(new Message(message.getString(0), message.getString(1)));
            }
            if (conversation.isEmpty()) {
                return new Content.Unreadable("the conversation is empty");
            }
            return new Content.Chat(messages, thinking);
        }
        return switch (user.read(row, first)) {
            case Content.Text text -> chat(messages, text.text());
            case Content.Parts parts -> chat(messages, parts.text());
            case Content other -> other;
        };
    }

    private Content chat(List<Message> before, String user) {
        List<Message> messages = new ArrayList<>(before);
        messages.add(new Message("user", user));
        return new Content.Chat(messages, thinking);
    }
}
