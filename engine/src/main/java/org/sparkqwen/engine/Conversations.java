package org.sparkqwen.engine;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.TextPart;

/// Writes conversations down by the model's chat template. It is read with the first of them: who brings none may use a
/// model whose template cannot be read.
final class Conversations {
    private final @Nullable Path directory;
    private @Nullable ChatTemplate template;

    /// @param directory the model's; null for one that has no files
    Conversations(@Nullable Path directory) {
        this.directory = directory;
    }

    /// @throws RejectedContent if the model has no template, or its template does not take the conversation
    List<TextPart> parts(Content.Chat chat) {
        try {
            return template().parts(chat.messages(), true, chat.thinking());
        } catch (TemplateException e) {
            throw new RejectedContent("the model's chat template: " + e.getMessage());
        }
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
