package org.sparkqwen.job.columns;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;
import org.sparkqwen.engine.tokenizer.Conversation;
import org.sparkqwen.job.failure.Refusal;

/// A prompt that the model's chat template renders from a conversation: from one message by the user, or from a column
/// of messages, which [MessageReader] reads.
///
/// @param user the source of the user's message; its column may hold messages instead
public record ChatPrompt(PromptSource user, Settings settings) implements PromptSource {
    private static final Pattern LOOKS_LIKE_MESSAGES =
            Pattern.compile("\\s*\\[\\s*\\{\\s*\"(role|content|from|value)\"\\s*:");

    /// What renders a conversation besides its messages.
    ///
    /// @param conversations whether the column holds conversations, so that a string in it is their JSON
    /// @param system the system message for conversations that have none; null for nothing
    /// @param thinking the template's `enable_thinking`; null to leave it to the template
    /// @param tools the tools that the model may call; null for none
    /// @param continued whether the last message, which is the assistant's, is continued
    /// @param words the words of the template: a message's field that is not among them changes nothing; null if
    ///     any field may change the prompt
    public record Settings(
            boolean conversations,
            @Nullable String system,
            @Nullable Boolean thinking,
            @Nullable ToolSource tools,
            boolean continued,
            @Nullable Set<String> words)
            implements Serializable {
        /// The default: a column of users' messages, each answered, with nothing besides the message.
        public static final Settings DEFAULT = new Settings(false, null, null, null, false, null);

        /// Returns these settings with a column of conversations, or one of users' messages.
        public Settings withConversations(boolean value) {
            return new Settings(value, system, thinking, tools, continued, words);
        }

        /// Returns these settings with another system message, for conversations that have none; null for none.
        public Settings withSystem(@Nullable String value) {
            return new Settings(conversations, value, thinking, tools, continued, words);
        }

        /// Returns these settings with another `enable_thinking`; null to leave it to the template.
        public Settings withThinking(@Nullable Boolean value) {
            return new Settings(conversations, system, value, tools, continued, words);
        }

        /// Returns these settings with other tools that the model may call; null for none.
        public Settings withTools(@Nullable ToolSource value) {
            return new Settings(conversations, system, thinking, value, continued, words);
        }

        /// Returns these settings with the last message continued, or answered.
        public Settings withContinued(boolean value) {
            return new Settings(conversations, system, thinking, tools, value, words);
        }

        /// Returns these settings with other words of the template; null if any field may change the prompt.
        public Settings withWords(@Nullable Set<String> value) {
            return new Settings(conversations, system, thinking, tools, continued, value);
        }
    }

    @Override
    public void checkIn(StructType input) {
        if (settings.tools() instanceof ToolSource.FromColumn column) {
            column.checkIn(input);
        }
        if (messages(input) != null) {
            return;
        }
        if (user instanceof ContentColumn column) {
            ColumnPath.of(column.name(), input)
                    .filter(path -> path.type() instanceof ArrayType)
                    .ifPresent(path -> {
                        throw Refusal.usage(("column '%s' is %s; messages are structs of role and content, or of from"
                                        + " and value, whose content is text or a list of text parts")
                                .formatted(column.name(), path.type().simpleString()));
                    });
            column.checkIn(input, settings.conversations() ? "--messages-column" : "--prompt-column");
        } else {
            user.checkIn(input);
        }
        if (settings.continued() && !settings.conversations()) {
            throw Refusal.usage("--continue-final-message needs a column of messages, of which the last goes on");
        }
    }

    /// Returns the column of messages; null if the column holds something else.
    private @Nullable ColumnPath messages(StructType input) {
        return user instanceof ContentColumn column
                ? ColumnPath.of(column.name(), input)
                        .filter(path -> path.type() instanceof ArrayType array && isMessage(array.elementType()))
                        .orElse(null)
                : null;
    }

    private static boolean isMessage(DataType type) {
        return switch (type) {
            case MapType map -> map.keyType() instanceof StringType;
            case StructType message -> {
                List<String> names = List.of(message.fieldNames());
                boolean plain = names.contains("role") && names.contains("content");
                boolean shareGpt = names.contains("from") && names.contains("value");
                yield (plain || shareGpt)
                        && (!plain || isContent(message.apply("content").dataType()));
            }
            default -> false;
        };
    }

    private static boolean isContent(DataType type) {
        return switch (type) {
            case ArrayType array -> isText(array.elementType()) || isPart(array.elementType());
            default -> isText(type);
        };
    }

    private static boolean isPart(DataType type) {
        return switch (type) {
            case StructType part -> {
                StructField text = List.of(part.fieldNames()).contains("text") ? part.apply("text") : null;
                yield text != null && isText(text.dataType());
            }
            case MapType map -> map.keyType() instanceof StringType;
            default -> false;
        };
    }

    private static boolean isText(DataType type) {
        return type instanceof StringType || type.equals(DataTypes.BinaryType) || type.equals(DataTypes.NullType);
    }

    /// Estimates 0, because prompts of one kind of conversation have similar lengths, and are short beside
    /// what is generated.
    @Override
    public Column estimatedTokens(StructType input) {
        return functions.lit(0);
    }

    /// Returns the tools, if they come from a column, and then the conversation.
    @Override
    public List<Column> columns(StructType input) {
        List<Column> columns = new ArrayList<>();
        if (settings.tools() instanceof ToolSource.FromColumn(String name)) {
            ColumnPath.of(name, input).ifPresent(path -> columns.add(cast(path)));
        }
        ColumnPath messages = messages(input);
        if (messages != null) {
            columns.add(cast(messages));
        } else {
            columns.addAll(user.columns(input));
        }
        return columns;
    }

    private static Column cast(ColumnPath path) {
        return path.column().cast(MessageValues.cast(path.type()));
    }

    @Override
    public Content read(Row row, int first) {
        return read(row, first, note -> {});
    }

    @Override
    public Content read(Row row, int first, Consumer<String> notes) {
        Set<String> noted = new LinkedHashSet<>(); // each note once, however many messages have it
        try {
            boolean toolColumn = settings.tools() instanceof ToolSource.FromColumn;
            List<?> tools = settings.tools() instanceof ToolSource.Fixed(List<?> fixed)
                    ? fixed
                    : toolColumn ? ToolSource.FromColumn.read(row.get(first)) : null;
            Content content = conversation(row, toolColumn ? first + 1 : first, tools, noted::add);
            noted.forEach(notes);
            return content;
        } catch (IllegalArgumentException e) {
            return new Content.Unreadable(String.valueOf(e.getMessage()));
        }
    }

    private Content conversation(Row row, int column, @Nullable List<?> tools, Consumer<String> notes) {
        if (row.get(column) instanceof scala.collection.Seq<?> seq
                && MessageValues.of(seq, "the conversation") instanceof List<?> messages) {
            return chat(new MessageReader(settings.words(), false, notes).messages(messages), tools, notes);
        }
        return switch (user.read(row, column)) {
            case Content.Text text when settings.conversations() -> chat(fromJson(text.text(), notes), tools, notes);
            case Content.Text text -> ofUser(text.text(), tools, notes);
            case Content.Parts parts -> ofUser(parts.text(), tools, notes);
            case Content other -> other;
        };
    }

    private List<Message> fromJson(String json, Consumer<String> notes) {
        if (!(MessageValues.parse(json, "the conversation") instanceof List<?> messages)) {
            throw new IllegalArgumentException("the conversation: not a JSON list of messages");
        }
        return new MessageReader(settings.words(), true, notes).messages(messages);
    }

    private Content ofUser(String text, @Nullable List<?> tools, Consumer<String> notes) {
        if (LOOKS_LIKE_MESSAGES.matcher(text).lookingAt()) {
            notes.accept("the text looks like a JSON list of messages, and was taken as the text of a user's message;"
                    + " --messages-column reads such lists");
        }
        return chat(List.of(new Message("user", text)), tools, notes);
    }

    private Content chat(List<Message> given, @Nullable List<?> tools, Consumer<String> notes) {
        List<Message> messages = new ArrayList<>(given);
        if (settings.system() != null) {
            if (messages.stream().anyMatch(message -> message.role().equals("system"))) {
                notes.accept("--system was not used, because the conversation has a system message of its own");
            } else {
                messages.addFirst(new Message("system", settings.system()));
            }
        }
        if (!settings.continued() && messages.getLast().role().equals("assistant")) {
            notes.accept("the last message is the assistant's, and another turn of the assistant was begun after it;"
                    + " --continue-final-message continues it instead");
        }
        Conversation.End end = settings.continued() ? Conversation.End.CONTINUED : Conversation.End.NEW_TURN;
        return new Content.Chat(new Conversation(messages, tools, settings.thinking(), end));
    }
}
