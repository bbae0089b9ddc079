package org.sparkqwen.job.columns;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;

/// Reads the messages of one row. They have `role` and `content`, as in OpenAI's API and Hugging Face's data sets, or
/// `from` and `value`, as in ShareGPT's.
final class MessageReader {
    /// Maps ShareGPT's roles to their usual names.
    private static final Map<String, String> ROLES = Map.ofEntries(
            Map.entry("system", "system"),
            Map.entry("human", "user"),
            Map.entry("user", "user"),
            Map.entry("gpt", "assistant"),
            Map.entry("chatgpt", "assistant"),
            Map.entry("bot", "assistant"),
            Map.entry("model", "assistant"),
            Map.entry("assistant", "assistant"),
            Map.entry("function_call", "assistant"),
            Map.entry("tool_call", "assistant"),
            Map.entry("tool", "tool"),
            Map.entry("observation", "tool"),
            Map.entry("function_response", "tool"),
            Map.entry("tool_response", "tool"));

    private static final Set<String> CALLS = Set.of("function_call", "tool_call");
    private static final Set<String> TEXT_PARTS = Set.of("text", "input_text", "output_text");

    private final @Nullable Set<String> words;
    private final boolean typed;
    private final Consumer<String> notes;

    /// @param words the words of the chat template: a field that is not among them changes nothing; null if any
    ///     field may
    /// @param typed whether the messages come from JSON itself, where a string is a string. In a column it may be
    ///     what Spark made of a list.
    MessageReader(@Nullable Set<String> words, boolean typed, Consumer<String> notes) {
        this.words = words;
        this.typed = typed;
        this.notes = notes;
    }

    /// @throws IllegalArgumentException if a message is wrong; it says which
    List<Message> messages(List<?> conversation) {
        if (conversation.isEmpty()) {
            throw new IllegalArgumentException("the conversation is empty");
        }
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < conversation.size(); i++) {
            if (!(conversation.get(i) instanceof Map<?, ?> fields)) {
                throw new IllegalArgumentException("message %d has no role or no content".formatted(i));
            }
            messages.add(message(i, named(fields)));
        }
        return messages;
    }

    private static Map<String, @Nullable Object> named(Map<?, ?> fields) {
        Map<String, @Nullable Object> named = new LinkedHashMap<>();
        fields.forEach((name, value) -> named.put(String.valueOf(name), value));
        return named;
    }

    private Message message(int index, Map<String, @Nullable Object> fields) {
        boolean shareGpt = fields.get("role") == null && fields.get("from") != null;
        Object role = fields.remove(shareGpt ? "from" : "role");
        Object content = fields.remove(shareGpt ? "value" : "content");
        if (!(role instanceof String name)) {
            throw new IllegalArgumentException("message %d has no role or no content".formatted(index));
        }
        fields.values().removeIf(value -> value == null);
        toolCalls(index, fields);
        String known = shareGpt ? ROLES.get(name) : name;
        if (known == null) {
            throw new IllegalArgumentException("message %d is from '%s', which is none of human, gpt, system, tool,"
                            .formatted(index, Quote.of(name))
                    + " function_call, observation");
        }
        if (shareGpt && CALLS.contains(name)) {
            fields.put(ChatTemplate.TOOL_CALLS, calls(index, content));
            content = null;
        }
        fields.keySet().forEach(this::noteUnlessUsed);
        return new Message(known, text(index, content, fields.containsKey(ChatTemplate.TOOL_CALLS)), fields);
    }

    /// Notes a field that the template does not use. The template's author decides what it ignores, but a user
    /// should know. Unused tool calls are rejected by the engine.
    private void noteUnlessUsed(String field) {
        if (words != null && !words.contains(field) && !field.equals(ChatTemplate.TOOL_CALLS)) {
            notes.accept("a message has '%s', which the chat template does not use".formatted(Quote.of(field)));
        }
    }

    /// Parses tool calls that are JSON, because Spark turns lists into JSON in a column of several kinds.
    private static void toolCalls(int index, Map<String, @Nullable Object> fields) {
        Object calls = fields.get(ChatTemplate.TOOL_CALLS);
        if (calls instanceof String json) {
            calls = MessageValues.parse(json, "message %d, tool_calls".formatted(index));
        }
        if (calls == null || (calls instanceof List<?> list && list.isEmpty())) {
            fields.remove(ChatTemplate.TOOL_CALLS);
        } else if (calls instanceof List<?>) {
            fields.put(ChatTemplate.TOOL_CALLS, calls);
        } else {
            throw new IllegalArgumentException("message %d: tool_calls is no list".formatted(index));
        }
    }

    /// Reads the calls of a message with ShareGPT's role `function_call`: an object of name and arguments, or
    /// several.
    private static List<?> calls(int index, @Nullable Object value) {
        String place = "message %d, the function call".formatted(index);
        Object parsed = value instanceof String json ? MessageValues.parse(json, place) : value;
        List<?> calls = parsed instanceof List<?> list ? list : parsed == null ? List.of() : List.of(parsed);
        List<Object> toolCalls = new ArrayList<>();
        for (Object call : calls) {
            if (!(call instanceof Map<?, ?> function) || !(function.get("name") instanceof String)) {
                throw new IllegalArgumentException(place + " is no object with name and arguments");
            }
            toolCalls.add(Map.of("type", "function", "function", call));
        }
        if (toolCalls.isEmpty()) {
            throw new IllegalArgumentException(place + " is empty");
        }
        return toolCalls;
    }

    private String text(int index, @Nullable Object content, boolean beside) {
        return switch (content) {
            case String string -> {
                List<?> parts = typed ? null : partsInJson(string);
                if (parts == null) {
                    yield string;
                }
                notes.accept("content that is a JSON list of parts was read as those parts");
                yield joined(index, parts);
            }
            case List<?> parts -> joined(index, parts);
            case null -> {
                if (!beside) {
                    throw new IllegalArgumentException("message %d has no role or no content".formatted(index));
                }
                yield "";
            }
            default ->
                throw new IllegalArgumentException(
                        "message %d: its content is neither a text nor a list of text parts".formatted(index));
        };
    }

    private static String joined(int index, List<?> parts) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < parts.size(); i++) {
            Object part = parts.get(i);
            if (part instanceof Map<?, ?> fields) {
                Object type = fields.get("type");
                if (type != null && !(type instanceof String name && TEXT_PARTS.contains(name))) {
                    throw new IllegalArgumentException("message %d: part %d of its content is of type '%s'; text alone"
                                    .formatted(index, i, Quote.of(type))
                            + " is supported");
                }
                part = fields.get("text");
            }
            if (!(part instanceof String string)) {
                throw new IllegalArgumentException(
                        "message %d: part %d of its content has no text".formatted(index, i));
            }
            text.append(string);
        }
        return text.toString();
    }

    /// Returns the parts in a string of JSON; null if it holds none. Where some rows have a list and others a
    /// string, Spark's JSON reader makes all of them strings.
    private static @Nullable List<?> partsInJson(String string) {
        if (!string.startsWith("[{") || !string.endsWith("}]")) {
            return null;
        }
        try {
            boolean parts = MessageValues.parse(string, "content") instanceof List<?> list
                    && list.stream()
                            .allMatch(part -> part instanceof Map<?, ?> fields && fields.get("type") instanceof String);
            return parts ? (List<?>) MessageValues.parse(string, "content") : null;
        } catch (IllegalArgumentException e) {
            return null; // an ordinary text
        }
    }
}
