package org.sparkqwen.engine.run;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.request.RejectedContent;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;
import org.sparkqwen.engine.tokenizer.Conversation;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;

/// Renders conversations with the model's chat template. The template is read for the first conversation, so a model
/// with an unreadable template can be used without conversations.
public final class Conversations {
    /// The most roles that are remembered, because roles come from rows and there may be as many as rows.
    private static final int MOST_REMEMBERED_ROLES = 100;

    private final @Nullable Path directory;
    private final Map<String, Boolean> writtenRoles = new ConcurrentHashMap<>();

    @GuardedBy("this")
    private @Nullable ChatTemplate template;

    @GuardedBy("this")
    private @Nullable Boolean heedsThinking;

    /// @param directory the model's directory; null for a model without files
    public Conversations(@Nullable Path directory) {
        this.directory = directory;
    }

    /// @throws RejectedContent if the model has no template, or if its template does not accept the conversation,
    ///     or would leave out a part of it
    public List<TextPart> parts(Conversation conversation) {
        ChatTemplate used = template();
        refuseLosses(used, conversation.messages());
        if (conversation.end() == Conversation.End.CONTINUED) {
            refuseWhatCannotGoOn(conversation.messages());
        }
        try {
            return used.parts(conversation);
        } catch (TemplateException e) {
            throw new RejectedContent("the model's chat template: " + e.getMessage());
        }
    }

    private void refuseLosses(ChatTemplate used, List<Message> messages) {
        for (int i = 0; i < messages.size(); i++) {
            Message message = messages.get(i);
            if (message.others().containsKey(ChatTemplate.TOOL_CALLS) && !used.heedsToolCalls()) {
                throw new RejectedContent(
                        "message %d has tool_calls, which the model's chat template leaves out".formatted(i));
            }
            if (!isWritten(used, message.role())) {
                throw new RejectedContent("message %d: the model's chat template leaves out messages of the role '%s'"
                        .formatted(i, Quote.of(message.role())));
            }
        }
    }

    private static void refuseWhatCannotGoOn(List<Message> messages) {
        Message last = messages.isEmpty() ? null : messages.getLast();
        if (last == null || !last.role().equals("assistant")) {
            throw new RejectedContent("the last message is not the assistant's, so it cannot be continued");
        }
        if (last.others().containsKey(ChatTemplate.TOOL_CALLS)) {
            throw new RejectedContent("the last message has tool_calls, so it cannot be continued");
        }
    }

    private boolean isWritten(ChatTemplate used, String role) {
        Boolean known = writtenRoles.get(role);
        if (known == null) {
            known = used.writesRole(role);
            if (writtenRoles.size() < MOST_REMEMBERED_ROLES) {
                writtenRoles.put(role, known);
            }
        }
        return known;
    }

    /// The start of the reasoning in a text that continues `parts`. The end of the template decides, because a user
    /// may write tags, too.
    public ReasoningStart reasoningStart(Conversation conversation, List<TextPart> parts) {
        if (!Boolean.TRUE.equals(conversation.thinking())) {
            return ReasoningStart.NONE;
        }
        int last = parts.size() - 1;
        while (last > 0 && parts.get(last).special() == SpecialTokens.TEXT) {
            last--;
        }
        String end = parts.subList(Math.max(0, last), parts.size()).stream()
                .map(TextPart::text)
                .collect(Collectors.joining());
        int opened = end.lastIndexOf(GeneratedText.OPENING_TAG);
        int closed = end.lastIndexOf(GeneratedText.CLOSING_TAG);
        if (opened > closed) {
            return ReasoningStart.OPEN;
        }
        return closed < 0 && heedsThinking() ? ReasoningStart.EXPECTED : ReasoningStart.NONE;
    }

    private synchronized boolean heedsThinking() {
        if (heedsThinking == null) {
            heedsThinking = template().heedsThinking();
        }
        return heedsThinking;
    }

    private synchronized ChatTemplate template() {
        if (template == null) {
            template = Optional.ofNullable(directory)
                    .flatMap(ChatTemplate::read)
                    .orElseThrow(() -> new RejectedContent("the model's tokenizer_config.json has no chat_template"));
        }
        return template;
    }
}
