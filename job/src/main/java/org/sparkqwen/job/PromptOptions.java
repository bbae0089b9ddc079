package org.sparkqwen.job;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import picocli.CommandLine.Option;

/// Which columns prompts come from, and how they are put together.
final class PromptOptions {
    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "Column of prompts: string, or binary in UTF-8; with --chat also"
                    + " array<struct<role,content>>, a conversation. Default: prompt.")
    private @Nullable String promptColumn;

    @Option(
            names = "--tokens-column",
            paramLabel = "NAME",
            description = "Column of prompts that are tokenized already: array<int> or array<bigint>.")
    private @Nullable String tokensColumn;

    @Option(
            names = "--template",
            paramLabel = "TEXT",
            description = "Prompt with columns in braces, such as 'Write about {topic}.'; {{ and }} are braces.")
    private @Nullable String template;

    @Option(names = "--chat", description = "Put the prompt into the model's chat template, as the user's message.")
    private boolean chat;

    @Option(names = "--system", paramLabel = "TEXT", description = "System message of each chat.")
    private @Nullable String system;

    @Option(
            names = "--thinking",
            paramLabel = "on|off",
            description = "The chat template's enable_thinking. Default: as the template has it.")
    private @Nullable Switch thinking;

    @Option(
            names = "--special-tokens",
            paramLabel = "HOW",
            defaultValue = "text",
            description = "What <|im_start|> and its like in a column are: text, or parse for tokens. What a --template"
                    + " or a chat template says is always parsed. Default: ${DEFAULT-VALUE}.")
    private SpecialTokens specialTokens = SpecialTokens.TEXT;

    private enum Switch {
        ON,
        OFF
    }

    PromptSource source(ModelReference model) {
        if (template != null && (promptColumn != null || tokensColumn != null)) {
            throw Refusal.usage("a prompt comes from --template or from one column, not from both");
        }
        if (!chat && (system != null || thinking != null)) {
            throw Refusal.usage("--%s is for --chat".formatted(system != null ? "system" : "thinking"));
        }
        PromptSource source = template == null
                ? ContentOptions.column(model, promptColumn, tokensColumn, specialTokens, "prompt")
                : template(model, template);
        return chat ? chat(model, source) : source;
    }

    private PromptTemplate template(ModelReference model, String text) {
        if (!model.hasTokenizer()) {
            throw Refusal.usage("--template needs a model with a tokenizer.json");
        }
        model.tokenizer(); // refused here, not on every executor
        try {
            return PromptTemplate.parse(text, specialTokens);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private ChatPrompt chat(ModelReference model, PromptSource user) {
        if (tokensColumn != null) {
            throw Refusal.usage("--chat takes text, not --tokens-column");
        }
        if (specialTokens == SpecialTokens.PARSE) {
            throw Refusal.usage("--chat takes what is in columns as text; leave --special-tokens parse out");
        }
        Boolean thinks = thinking == null ? null : thinking == Switch.ON;
        tryOut(model, thinks);
        return new ChatPrompt(user, system, thinks);
    }

    /// Renders a conversation here, so that a template that cannot be used is refused before the run.
    private void tryOut(ModelReference model, @Nullable Boolean thinks) {
        ChatTemplate template = ChatTemplate.read(model.path())
                .orElseThrow(() -> Refusal.usage("%s has no chat template in tokenizer_config.json; leave --chat out"
                        .formatted(model.origin())));
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(new Message("system", system));
        }
        messages.add(new Message("user", "Hello."));
        try {
            template.render(messages, true, thinks);
        } catch (TemplateException e) {
            throw Refusal.usage("--chat: the template of %s: %s".formatted(model.origin(), e.getMessage()));
        }
    }
}
