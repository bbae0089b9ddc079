package org.sparkqwen.job;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import picocli.CommandLine.Option;

/// Which columns prompts come from, and how they are put together.
final class PromptOptions {
    @Option(
            names = "--prompt-column",
            paramLabel = "NAME",
            description = "Column of prompts: string, or binary in UTF-8. Default: prompt.")
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

    @Option(
            names = "--special-tokens",
            paramLabel = "HOW",
            defaultValue = "text",
            description = "What <|im_start|> and its like in a column are: text, or parse for tokens. What a --template"
                    + " itself says is always parsed. Default: ${DEFAULT-VALUE}.")
    private SpecialTokens specialTokens = SpecialTokens.TEXT;

    PromptSource source(ModelReference model) {
        if (template != null && (promptColumn != null || tokensColumn != null)) {
            throw Refusal.usage("a prompt comes from --template or from one column, not from both");
        }
        return template == null
                ? ContentOptions.column(model, promptColumn, tokensColumn, specialTokens, "prompt")
                : template(model, template);
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
}
