package org.sparkqwen.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.job.columns.ChatPrompt;
import org.sparkqwen.job.columns.ContentColumn;
import org.sparkqwen.job.columns.PromptSource;
import org.sparkqwen.job.columns.PromptTemplate;
import org.sparkqwen.job.columns.ToolSource;
import org.sparkqwen.job.model.ModelReference;
import org.sparkqwen.job.testing.LittleChatModel;
import picocli.CommandLine;

/// The prompts that options describe. `ChatPromptTest` shows what they make of rows, and [ChatTest] runs commands.
class PromptOptionsTest {
    private static final ModelReference MODEL = ModelReference.open(LittleChatModel.directory());

    private static final ChatPrompt.Settings SETTINGS = ChatPrompt.Settings.DEFAULT.withWords(
            LittleChatModel.template().words().orElse(null));

    @Test
    void withoutChatThePromptIsTheColumnOrTheTemplate() {
        assertThat(source()).isEqualTo(column("prompt"));
        assertThat(source("--prompt-column", "body")).isEqualTo(column("body"));
        assertThat(source("--special-tokens", "parse"))
                .isEqualTo(new ContentColumn.Text("prompt", SpecialTokens.PARSE));
        assertThat(source("--tokens-column", "ids")).isEqualTo(new ContentColumn.Tokens("ids"));
        assertThat(source("--template", "Say {word}."))
                .isEqualTo(PromptTemplate.parse("Say {word}.", SpecialTokens.TEXT));
    }

    @Test
    void withChatEachOptionIsASetting() {
        ContentColumn prompt = column("prompt");
        String tools = "[{\"type\": \"function\"}]";
        assertThat(source("--chat")).isEqualTo(new ChatPrompt(prompt, SETTINGS));
        assertThat(source("--chat", "--prompt-column", "body")).isEqualTo(new ChatPrompt(column("body"), SETTINGS));
        assertThat(source("--chat", "--messages-column", "m"))
                .isEqualTo(new ChatPrompt(column("m"), SETTINGS.withConversations(true)));
        assertThat(source("--chat", "--template", "Say {word}."))
                .isEqualTo(new ChatPrompt(PromptTemplate.parse("Say {word}.", SpecialTokens.TEXT), SETTINGS));
        assertThat(source("--chat", "--system", "Be brief."))
                .isEqualTo(new ChatPrompt(prompt, SETTINGS.withSystem("Be brief.")));
        assertThat(source("--chat", "--thinking", "on")).isEqualTo(new ChatPrompt(prompt, SETTINGS.withThinking(true)));
        assertThat(source("--chat", "--thinking", "off"))
                .isEqualTo(new ChatPrompt(prompt, SETTINGS.withThinking(false)));
        assertThat(source("--chat", "--tools", tools))
                .isEqualTo(new ChatPrompt(prompt, SETTINGS.withTools(ToolSource.of(tools))));
        assertThat(source("--chat", "--tools", "body.tools"))
                .isEqualTo(new ChatPrompt(prompt, SETTINGS.withTools(new ToolSource.FromColumn("body.tools"))));
        assertThat(source("--chat", "--continue-final-message"))
                .isEqualTo(new ChatPrompt(prompt, SETTINGS.withContinued(true)));
    }

    @Test
    void aTemplateThatHeedsThinkingGivesNoWarning() {
        for (String thinking : new String[] {"on", "off"}) {
            PromptOptions options = parse("--chat", "--thinking", thinking);
            options.source(MODEL, null);
            assertThat(options.warnings()).isEmpty();
        }
    }

    private static ContentColumn column(String name) {
        return new ContentColumn.Text(name, SpecialTokens.TEXT);
    }

    private static PromptSource source(String... arguments) {
        return parse(arguments).source(MODEL, null);
    }

    private static PromptOptions parse(String... arguments) {
        PromptOptions options = new PromptOptions();
        new CommandLine(options).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments);
        return options;
    }
}
