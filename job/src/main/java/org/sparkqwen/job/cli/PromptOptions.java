package org.sparkqwen.job.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;
import org.sparkqwen.engine.tokenizer.Conversation;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ChatPrompt;
import org.sparkqwen.job.columns.PromptSource;
import org.sparkqwen.job.columns.PromptTemplate;
import org.sparkqwen.job.columns.ToolSource;
import org.sparkqwen.job.failure.Refusal;
import org.sparkqwen.job.model.ModelReference;
import picocli.CommandLine.Option;

/// The options that say which columns prompts come from, and how they are put together.
final class PromptOptions {
    private static final String OPENING_TAG = "<think>";
    private static final String CLOSING_TAG = "</think>";

    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "This column holds the prompts. It is a string, or binary in UTF-8. With --chat it may also"
                    + " be an array of messages, which is a conversation. A message is a struct of role and"
                    + " content, or of ShareGPT's from and value. A field within a column is written body.prompt."
                    + " Default: prompt.")
    private @Nullable String promptColumn;

    @Option(
            names = "--messages-column",
            paramLabel = "NAME",
            description = "With --chat, this column holds whole conversations. It is an array of messages, or a"
                    + " string that is the JSON of such an array. In --prompt-column, a string is always the"
                    + " user's message, whatever it says.")
    private @Nullable String messagesColumn;

    @Option(
            names = "--tokens-column",
            paramLabel = "NAME",
            description = "This column holds prompts that are tokenized already. It is array<int> or array<bigint>.")
    private @Nullable String tokensColumn;

    @Option(
            names = "--template",
            paramLabel = "TEXT",
            description = "The prompt is this text, with columns in braces, such as 'Write about {topic}.'. {{ and }}"
                    + " stand for braces.")
    private @Nullable String template;

    @Option(names = "--chat", description = "The prompt becomes the user's message in the model's chat template.")
    private boolean chat;

    @Option(
            names = "--system",
            paramLabel = "TEXT",
            description = "Each chat that has no system message gets this one.")
    private @Nullable String system;

    @Option(
            names = "--thinking",
            paramLabel = "on|off",
            description = "This option sets the chat template's enable_thinking. With on, reasoning_text has the text"
                    + " before </think>, generated_text has the answer after it, and a constraint begins with the"
                    + " answer. Default: as the template has it, and all of the text is in generated_text.")
    private @Nullable Switch thinking;

    @NamesFile
    @Option(
            names = "--tools",
            paramLabel = "FILE|COLUMN",
            description = "The chat template gets these tools. The value is a file with a JSON list of tools, that"
                    + " list itself, or a column of such lists (as JSON, or as an array of structs). The model's"
                    + " calls are in tool_calls.")
    private @Nullable String tools;

    @Option(
            names = "--continue-final-message",
            description = "The text continues the last message of each conversation, which is the assistant's,"
                    + " instead of beginning a turn. transformers' continue_final_message does the same.")
    private boolean continued;

    private final List<String> warnings = new ArrayList<>();

    @Option(
            names = "--special-tokens",
            paramLabel = "HOW",
            defaultValue = "text",
            description = "With text, <|im_start|> and similar strings in a column are ordinary text. With parse,"
                    + " they are special tokens. The text of a --template or of a chat template is always parsed."
                    + " Default: ${DEFAULT-VALUE}.")
    private SpecialTokens specialTokens = SpecialTokens.TEXT;

    private enum Switch {
        ON,
        OFF
    }

    /// @param constraint what the generated texts must match; null for anything
    PromptSource source(ModelReference model, @Nullable Constraint constraint) {
        if (template != null && (promptColumn != null || messagesColumn != null || tokensColumn != null)) {
            throw Refusal.usage("a prompt comes from --template or from one column, not from both");
        }
        if (promptColumn != null && messagesColumn != null) {
            throw Refusal.usage("give either --prompt-column or --messages-column");
        }
        if (!chat) {
            refuseWithoutChat();
        }
        PromptSource source = template == null
                ? ContentOptions.column(
                        model,
                        messagesColumn == null ? promptColumn : messagesColumn,
                        tokensColumn,
                        specialTokens,
                        "prompt")
                : template(model, template);
        return chat ? chat(model, source, constraint) : source;
    }

    /// Returns warnings about the source, for a person.
    List<String> warnings() {
        return List.copyOf(warnings);
    }

    private void refuseWithoutChat() {
        Map<String, Boolean> given = new LinkedHashMap<>();
        given.put("--system", system != null);
        given.put("--thinking", thinking != null);
        given.put("--messages-column", messagesColumn != null);
        given.put("--tools", tools != null);
        given.put("--continue-final-message", continued);
        given.forEach((option, isGiven) -> {
            if (isGiven) {
                throw Refusal.usage(option + " is for --chat");
            }
        });
    }

    private PromptTemplate template(ModelReference model, String text) {
        if (!model.hasTokenizer()) {
            throw Refusal.usage("--template needs a model with a tokenizer");
        }
        try {
            return PromptTemplate.parse(text, specialTokens);
        } catch (IllegalArgumentException e) {
            throw Refusal.usage(e);
        }
    }

    private ChatPrompt chat(ModelReference model, PromptSource user, @Nullable Constraint constraint) {
        if (tokensColumn != null) {
            throw Refusal.usage("--chat takes text, not --tokens-column");
        }
        if (specialTokens == SpecialTokens.PARSE) {
            throw Refusal.usage("--chat takes what is in columns as text; leave --special-tokens parse out");
        }
        Boolean thinks = thinking == null ? null : thinking == Switch.ON;
        ToolSource source = tools == null ? null : ToolSource.of(tools);
        ChatTemplate chatTemplate = ChatTemplate.read(model.path())
                .orElseThrow(() -> Refusal.usage("%s has no chat template in tokenizer_config.json; leave --chat out"
                        .formatted(model.origin())));
        tryOut(model, chatTemplate, thinks, source);
        if (constraint != null) {
            checkWithConstraint(model, chatTemplate, thinks, source);
        }
        return new ChatPrompt(
                user,
                ChatPrompt.Settings.DEFAULT
                        .withConversations(messagesColumn != null)
                        .withSystem(system)
                        .withThinking(thinks)
                        .withTools(source)
                        .withContinued(continued)
                        .withWords(chatTemplate.words().orElse(null)));
    }

    /// Renders a conversation, so that a template that cannot be used is refused before the run.
    private void tryOut(
            ModelReference model, ChatTemplate chatTemplate, @Nullable Boolean thinks, @Nullable ToolSource source) {
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(new Message("system", system));
        }
        messages.add(new Message("user", "Hello."));
        try {
            chatTemplate.render(new Conversation(
                    messages,
                    source instanceof ToolSource.Fixed(List<?> fixed) ? fixed : null,
                    thinks,
                    Conversation.End.NEW_TURN));
        } catch (TemplateException e) {
            throw Refusal.usage("--chat: the template of %s: %s".formatted(model.origin(), e.getMessage()));
        }
        if (source != null && !chatTemplate.heedsTools()) {
            throw Refusal.usage("--tools: the chat template of %s leaves tools out".formatted(model.origin()));
        }
        if (thinks != null && !chatTemplate.heedsThinking()) {
            warnings.add("--thinking %s changes no prompt: the chat template of %s does not use enable_thinking%s"
                    .formatted(
                            thinks ? "on" : "off",
                            model.origin(),
                            chatTemplate.opensReasoning(thinks) ? ", and always opens " + OPENING_TAG : ""));
        }
    }

    /// Checks that a constraint shapes the answer, and warns where it would shape the reasoning, which nobody
    /// wants.
    private void checkWithConstraint(
            ModelReference model, ChatTemplate chatTemplate, @Nullable Boolean thinks, @Nullable ToolSource source) {
        boolean opens = chatTemplate.opensReasoning(thinks);
        if (Boolean.TRUE.equals(thinks)) {
            boolean reasons = opens || chatTemplate.heedsThinking();
            if (reasons && model.tokenId(CLOSING_TAG).isEmpty()) {
                throw Refusal.usage("--thinking on with a constraint needs a model with the token %s, after which the"
                                .formatted(CLOSING_TAG)
                        + " constraint begins");
            }
        } else if (opens) {
            warnings.add("the chat template of %s opens %s, so the constraint shapes the reasoning; --thinking on lets"
                            .formatted(model.origin(), OPENING_TAG)
                    + " it begin with the answer");
        }
        if (source != null) {
            warnings.add("a text with a constraint calls no tools; --tools changes the prompts only");
        }
    }
}
