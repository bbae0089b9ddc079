package org.sparkqwen.engine.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.InvalidModelException;
import org.sparkqwen.engine.checkpoint.ModelInput;
import org.sparkqwen.engine.checkpoint.ModelJson;
import org.sparkqwen.engine.template.Template;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.template.Text;

/// How a model wants a conversation to be written down, as transformers' `apply_chat_template` does: `<|im_start|>user`
/// and so on. Immutable and safe for use by many threads.
public final class ChatTemplate {
    /// Keys of tokenizer_config.json that are variables of the template.
    private static final List<String> SPECIAL_TOKENS =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");

    /// Roles that templates know. Others come from a row and may say anything.
    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant", "tool");

    private final Template template;
    private final Map<String, String> specialTokens;

    private ChatTemplate(Template template, Map<String, String> specialTokens) {
        this.template = template;
        this.specialTokens = specialTokens;
    }

    /// @param role who says it: `system`, `user`, `assistant`
    public record Message(String role, String content) {}

    /// Reads a model's template: chat_template.jinja or else `chat_template` of tokenizer_config.json; of several,
    /// the one named `default`.
    ///
    /// @return nothing if the model has none
    /// @throws InvalidModelException if the template cannot be read; the message names the file and the line in it
    public static Optional<ChatTemplate> read(Path directory) {
        Path config = directory.resolve("tokenizer_config.json");
        JsonNode root = ModelInput.isThere(config) ? ModelJson.readObject(config) : MissingNode.getInstance();
        Path file = directory.resolve("chat_template.jinja");
        if (ModelInput.isThere(file)) {
            return Optional.of(new ChatTemplate(parse(content(file), file.toString()), specialTokens(root)));
        }
        JsonNode template = chosen(root.path("chat_template"), config);
        return template.isMissingNode() || template.isNull()
                ? Optional.empty()
                : Optional.of(
                        new ChatTemplate(parse(template.textValue(), config + ": chat_template"), specialTokens(root)));
    }

    private static String content(Path file) {
        try {
            ModelInput.requireReadable(file);
            return Files.readString(file);
        } catch (IOException e) {
            throw new InvalidModelException("%s: cannot be read (%s)".formatted(file, e), e);
        }
    }

    /// The template's source, out of a list of named ones if that is what the file has.
    private static JsonNode chosen(JsonNode templates, Path config) {
        if (templates.isTextual() || templates.isNull() || templates.isMissingNode()) {
            return templates;
        }
        for (JsonNode each : templates) {
            if (each.path("name").asText().equals("default")
                    && each.path("template").isTextual()) {
                return each.path("template");
            }
        }
        throw new InvalidModelException(
                "%s: chat_template: expected a template, or a list with one named default".formatted(config));
    }

    private static Template parse(String source, String origin) {
        try {
            return Template.parse(source);
        } catch (TemplateException e) {
            throw new InvalidModelException("%s: %s".formatted(origin, e.getMessage()), e);
        }
    }

    private static Map<String, String> specialTokens(JsonNode config) {
        Map<String, String> tokens = new HashMap<>();
        for (String name : SPECIAL_TOKENS) {
            JsonNode token = config.path(name);
            JsonNode content = token.isObject() ? token.path("content") : token;
            if (content.isTextual()) {
                tokens.put(name, content.textValue());
            }
        }
        return tokens;
    }

    /// Writes a conversation down.
    ///
    /// @param addGenerationPrompt whether the assistant's turn is begun at the end
    /// @param thinking what the template finds as `enable_thinking`; null for nothing
    /// @throws TemplateException if the template refuses the conversation, or fails on it
    public String render(List<Message> messages, boolean addGenerationPrompt, @Nullable Boolean thinking) {
        return rendered(messages, addGenerationPrompt, thinking).toString();
    }

    /// The same in parts. What the template wrote may hold special tokens; what it took from messages is text,
    /// whatever it says. The parts, joined, are what [#render] gives.
    ///
    /// @throws TemplateException as there
    public List<TextPart> parts(List<Message> messages, boolean addGenerationPrompt, @Nullable Boolean thinking) {
        return rendered(messages, addGenerationPrompt, thinking).runs().stream()
                .map(run -> new TextPart(run.chars(), run.foreign() ? SpecialTokens.TEXT : SpecialTokens.PARSE))
                .toList();
    }

    private Text rendered(List<Message> messages, boolean addGenerationPrompt, @Nullable Boolean thinking) {
        Map<String, @Nullable Object> variables = new HashMap<>(specialTokens);
        variables.put("messages", turns(messages));
        variables.put("tools", null);
        variables.put("documents", null);
        variables.put("add_generation_prompt", addGenerationPrompt);
        if (thinking != null) {
            variables.put("enable_thinking", thinking);
        }
        return template.render(variables);
    }

    private static List<Map<String, Text>> turns(List<Message> messages) {
        List<Map<String, Text>> turns = new ArrayList<>();
        for (Message message : messages) {
            Map<String, Text> turn = new LinkedHashMap<>();
            turn.put("role", ROLES.contains(message.role()) ? Text.own(message.role()) : Text.foreign(message.role()));
            turn.put("content", Text.foreign(message.content()));
            turns.add(turn);
        }
        return turns;
    }
}
