package org.sparkqwen.engine.tokenizer;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;

/// Finds out what a template does with its input, by rendering small conversations with that input and
/// without it.
final class ChatTemplateTrial {
    private static final String MARK = "trialmark"; // it survives whatever a template does to the case of letters
    private static final Message SYSTEM = new Message("system", "Be brief.");
    private static final Message USER = new Message("user", "Hello.");
    private static final Message ASSISTANT = new Message("assistant", "Aye.");

    private static final List<List<Message>> CONVERSATIONS =
            List.of(List.of(USER), List.of(SYSTEM, USER), List.of(USER, ASSISTANT, USER));

    private static final List<Map<String, Object>> TOOLS = List.of(Map.of(
            "type",
            "function",
            "function",
            Map.of(
                    "name",
                    "weather",
                    "description",
                    "The weather of a place.",
                    "parameters",
                    Map.of(
                            "type",
                            "object",
                            "properties",
                            Map.of("place", Map.of("type", "string", "description", "Where.")),
                            "required",
                            List.of("place")))));

    private final ChatTemplate template;

    ChatTemplateTrial(ChatTemplate template) {
        this.template = template;
    }

    boolean heedsThinking() {
        return CONVERSATIONS.stream()
                .anyMatch(messages -> heedsThinking(messages, null) || heedsThinking(messages, TOOLS));
    }

    private boolean heedsThinking(List<Message> messages, @Nullable List<?> tools) {
        return !written(messages, tools, true).equals(written(messages, tools, false));
    }

    boolean opensReasoning(@Nullable Boolean thinking) {
        return written(List.of(USER), null, thinking)
                .filter(text -> text.stripTrailing().endsWith("<think>"))
                .isPresent();
    }

    boolean heedsTools() {
        return CONVERSATIONS.stream()
                .anyMatch(messages -> !written(messages, null, null).equals(written(messages, TOOLS, null)));
    }

    /// Tells whether a field is written whatever its name is, as in a template that writes whole messages as
    /// JSON.
    boolean writesAnyField() {
        return CONVERSATIONS.stream()
                .map(messages -> messages.stream()
                        .map(message -> new Message(message.role(), message.content(), Map.of(MARK, MARK)))
                        .toList())
                .anyMatch(this::showsMark);
    }

    boolean writesRole(String role) {
        Message marked = new Message(role, MARK);
        return showsMark(List.of(marked, USER)) || showsMark(List.of(USER, marked));
    }

    /// Tells whether the mark is written, or the template refuses the messages that have it.
    private boolean showsMark(List<Message> messages) {
        return written(messages, null, null)
                .map(text -> text.toLowerCase(Locale.ROOT).contains(MARK))
                .orElse(true);
    }

    private Optional<String> written(List<Message> messages, @Nullable List<?> tools, @Nullable Boolean thinking) {
        try {
            return Optional.of(template.render(new Conversation(messages, tools, thinking, Conversation.End.NEW_TURN)));
        } catch (TemplateException e) {
            return Optional.empty();
        }
    }
}
