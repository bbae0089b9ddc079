package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;

/// Prompts may be put together: from conversations by the model's chat template, or from texts in parts.
class ConversationsTest {
    private static final String CHAT_TEMPLATE = "{% for m in messages %}{% if m.role == 'critic' %}"
            + "{{ raise_exception('no critics') }}{% endif %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}"
            + "{% if add_generation_prompt %}assistant:{% endif %}{% if enable_thinking is false %} no{% endif %}";

    @TempDir
    private Path directory;

    private ModelCopy model;

    @BeforeEach
    void copyTheModel() {
        model = ModelCopy.of(Golden.SMALL_MODEL, directory);
    }

    @Test
    void aConversationIsThePromptThatTheTemplateWrites() {
        model.json("tokenizer_config.json", config -> config.put("chat_template", CHAT_TEMPLATE));
        try (Engine engine = open()) {
            Content chat = chat(new Message("user", "A<|endoftext|>B"), null);
            int[] ids = engine.tokens(chat);
            int[] expected = engine.tokens(new Content.Parts(
                    List.of(parse("user: "), text("A<|endoftext|>B"), parse("<|endoftext|>assistant:"))));
            int endOfText =
                    engine.tokenizer().orElseThrow().idOf("<|endoftext|>").orElseThrow();
            assertThat(ids).isEqualTo(expected).containsOnlyOnce(endOfText);
            assertThat(engine.tokenizer().orElseThrow().decode(ids))
                    .isEqualTo("user: A<|endoftext|>B<|endoftext|>assistant:");
            assertThat(engine.tokenizer().orElseThrow().decode(engine.tokens(chat(new Message("user", "A"), false))))
                    .endsWith("assistant: no");
            assertThat(generated(engine, chat)).isEqualTo(generated(engine, new Content.Tokens(expected)));
        }
    }

    @Test
    void aConversationThatTheTemplateCannotRenderIsRejected() {
        try (Engine engine = open()) {
            assertThat(generated(engine, chat(new Message("user", "A"), null)))
                    .isEqualTo(new Result.Rejected(0, "the model's tokenizer_config.json has no chat_template"));
        }
        model.json("tokenizer_config.json", config -> config.put("chat_template", CHAT_TEMPLATE));
        try (Engine engine = open()) {
            assertThat(generated(engine, chat(new Message("critic", "A"), null)))
                    .isEqualTo(new Result.Rejected(0, "the model's chat template: line 1: no critics"));
        }
        model.without("tokenizer.json");
        try (Engine engine = open()) {
            assertThat(generated(engine, chat(new Message("user", "A"), null)))
                    .isEqualTo(new Result.Rejected(0, "the model has no tokenizer.json, so it takes token ids only"));
        }
    }

    @Test
    void anUnreadableTemplateFailsOnlyConversations() {
        model.json("tokenizer_config.json", config -> config.put("chat_template", "{% if %}"));
        try (Engine engine = open()) {
            assertThat(generated(engine, new Content.Text("A", SpecialTokens.TEXT)))
                    .isInstanceOf(Result.Generated.class);
            assertThatThrownBy(() -> generated(engine, chat(new Message("user", "A"), null)))
                    .isInstanceOf(InvalidModelException.class)
                    .hasMessageContaining("tokenizer_config.json: chat_template: line 1: ");
        }
    }

    @Test
    void aTextInPartsIsScoredAsOneText() {
        try (Engine engine = open()) {
            Result whole = scored(engine, new Content.Text("The whale <|endoftext|>", SpecialTokens.PARSE));
            Result inParts =
                    scored(engine, new Content.Parts(List.of(text("The wh"), text("ale "), parse("<|endoftext|>"))));
            assertThat(inParts)
                    .usingRecursiveComparison()
                    .ignoringFields("score.tokenLogProbabilities") // it begins with NaN, which equals nothing
                    .isEqualTo(whole);
            assertThat(scored(engine, new Content.Parts(List.of())))
                    .isEqualTo(new Result.Rejected(0, "the text is empty"));
        }
    }

    @Test
    void aConversationThatIsScoredHasNoBytes() {
        model.json("tokenizer_config.json", config -> config.put("chat_template", CHAT_TEMPLATE));
        try (Engine engine = open()) {
            assertThat(scored(engine, chat(new Message("user", "The whale"), true)))
                    .isInstanceOfSatisfying(Result.Scored.class, score -> {
                        assertThat(score.bytes()).isNull();
                        assertThat(score.words()).isNull();
                    });
        }
    }

    private Engine open() {
        return Engine.open(directory, Golden.options(KernelChoice.AUTO, 2, 256));
    }

    private static Content chat(Message message, @Nullable Boolean thinking) {
        return new Content.Chat(List.of(message), thinking);
    }

    private static TextPart text(String text) {
        return new TextPart(text, SpecialTokens.TEXT);
    }

    private static TextPart parse(String text) {
        return new TextPart(text, SpecialTokens.PARSE);
    }

    private static Result scored(Engine engine, Content content) {
        Request.Score request = new Request.Score(0, content, Golden.unprefixed(64, 32));
        return Golden.all(engine.score(List.of(request).iterator())).getFirst();
    }

    private static Result generated(Engine engine, Content content) {
        Request.Generate request = new Request.Generate(0, content, 0, Golden.greedy(4));
        return Golden.all(engine.generate(List.of(request).iterator())).getFirst();
    }
}
