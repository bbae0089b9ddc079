package org.sparkqwen.engine.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.checkpoint.ModelFolder;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.template.Template;
import org.sparkqwen.engine.template.TemplateException;
import org.sparkqwen.engine.template.Text;

/// Renders a conversation in the form that a model expects, such as `<|im_start|>user`, as transformers'
/// `apply_chat_template` does. It is immutable and safe for use by many threads.
public final class ChatTemplate {
    private static final String FILE = "chat_template.jinja";

    /// The keys of tokenizer_config.json that are variables of the template.
    private static final List<String> SPECIAL_TOKENS =
            List.of("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token");

    /// The roles that templates know. Other roles come from a row and may be any text.
    private static final Set<String> ROLES = Set.of("system", "developer", "user", "assistant", "tool");

    /// The key of a message's tool calls, which are not a remark but a part of the conversation.
    public static final String TOOL_CALLS = "tool_calls";

    private static final Text ROLE = Text.own("role");
    private static final Text CONTENT = Text.own("content");

    /// The mark at the end of the last message. It ends with a space, so that it shows whether a template strips
    /// messages.
    private static final String END_MARK = "CONTINUE_FINAL_MESSAGE_TAG ";

    /// The white space that Python's `str.rstrip` removes.
    private static final Pattern TRAILING_SPACE = Pattern.compile("[\\s\\p{Z}\\x1c-\\x1f\\x85]+\\z");

    private final Template template;
    private final Map<String, String> specialTokens;

    private ChatTemplate(Template template, Map<String, String> specialTokens) {
        this.template = template;
        this.specialTokens = specialTokens;
    }

    private ChatTemplateTrial trial() {
        return new ChatTemplateTrial(this);
    }

    /// A message of a conversation.
    ///
    /// @param role the role of its author: `system`, `user`, `assistant`, `tool`
    /// @param others the other fields of the message, such as `tool_calls`, as values of JSON: strings, truth
    ///     values, Long, Double, null, and lists and maps of these
    public record Message(String role, String content, Map<String, ? extends @Nullable Object> others) {
        public Message {
            others = Collections.unmodifiableMap(new LinkedHashMap<>(others));
        }

        public Message(String role, String content) {
            this(role, content, Map.of());
        }

        Message withContent(String value) {
            return new Message(role, value, others);
        }
    }

    /// Reads a model's template from chat_template.jinja, or else from `chat_template` of
    /// tokenizer_config.json, or of a GGUF file's metadata. If there are several templates, the one named
    /// `default` is used.
    ///
    /// @param model a directory, or a GGUF file
    /// @return nothing if the model has none
    /// @throws InvalidModelException if the template cannot be read; the message names the file and the line
    ///     in it
    public static Optional<ChatTemplate> read(Path model) {
        ModelFolder folder = ModelFolder.of(model);
        JsonNode root = folder.has(TokenizerFiles.CONFIG)
                ? folder.readObject(TokenizerFiles.CONFIG)
                : MissingNode.getInstance();
        if (folder.has(FILE)) {
            return Optional.of(new ChatTemplate(parse(content(folder), folder.origin(FILE)), specialTokens(root)));
        }
        String config = folder.origin(TokenizerFiles.CONFIG);
        JsonNode template = chosen(root.path("chat_template"), config);
        return template.isMissingNode() || template.isNull()
                ? Optional.empty()
                : Optional.of(
                        new ChatTemplate(parse(template.textValue(), config + ": chat_template"), specialTokens(root)));
    }

    private static String content(ModelFolder folder) {
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(folder.read(FILE))).toString();
        } catch (CharacterCodingException e) {
            throw new InvalidModelException("%s: malformed UTF-8".formatted(folder.origin(FILE)), e);
        }
    }

    /// Returns the template's source. If the file has a list of named templates, it is the default one.
    private static JsonNode chosen(JsonNode templates, String config) {
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

    /// Renders a conversation.
    ///
    /// @param addGenerationPrompt whether the assistant's turn is begun at the end
    /// @param thinking the value of `enable_thinking` for the template; null for none
    /// @throws TemplateException if the template refuses the conversation, or fails on it
    public String render(List<Message> messages, boolean addGenerationPrompt, @Nullable Boolean thinking) {
        return render(conversation(messages, addGenerationPrompt, thinking));
    }

    /// Renders a conversation with its own settings.
    public String render(Conversation conversation) {
        return parts(conversation).stream().map(TextPart::text).collect(Collectors.joining());
    }

    /// Renders a conversation in parts. Parts that the template wrote may contain special tokens. Parts that
    /// it took from messages are text, whatever they say. The parts together are the result of [#render].
    ///
    /// @throws TemplateException if the template refuses the conversation, or fails on it
    public List<TextPart> parts(List<Message> messages, boolean addGenerationPrompt, @Nullable Boolean thinking) {
        return parts(conversation(messages, addGenerationPrompt, thinking));
    }

    /// Renders a conversation in parts, with its own settings.
    public List<TextPart> parts(Conversation conversation) {
        return conversation.end() == Conversation.End.CONTINUED
                ? continued(conversation)
                : parts(rendered(conversation));
    }

    private static Conversation conversation(
            List<Message> messages, boolean addGenerationPrompt, @Nullable Boolean thinking) {
        return new Conversation(
                messages, null, thinking, addGenerationPrompt ? Conversation.End.NEW_TURN : Conversation.End.CLOSED);
    }

    private static List<TextPart> parts(Text text) {
        return text.runs().stream()
                .map(run -> new TextPart(run.chars(), run.foreign() ? SpecialTokens.TEXT : SpecialTokens.PARSE))
                .toList();
    }

    /// Returns the parts up to the end of the last message. A mark shows the end, as in transformers'
    /// `continue_final_message`.
    private List<TextPart> continued(Conversation conversation) {
        Message last = conversation.messages().getLast();
        List<Message> marked = new ArrayList<>(conversation.messages());
        marked.set(marked.size() - 1, last.withContent(last.content() + END_MARK));
        Text text = rendered(conversation.withMessages(marked));
        String chars = text.toString();
        int end = chars.lastIndexOf(END_MARK.strip());
        if (end < 0 || !chars.contains(last.content().strip())) {
            throw new TemplateException("it changes the last message, which therefore cannot be continued");
        }
        if (!chars.startsWith(END_MARK, end)) { // the template has stripped the message
            end = TRAILING_SPACE
                    .matcher(chars.substring(0, end))
                    .replaceFirst("")
                    .length();
        }
        List<TextPart> parts = new ArrayList<>();
        int start = 0;
        for (TextPart part : parts(text)) {
            int length = Math.min(part.text().length(), end - start);
            if (length > 0) {
                parts.add(new TextPart(part.text().substring(0, length), part.special()));
            }
            start += part.text().length();
        }
        return parts;
    }

    private Text rendered(Conversation conversation) {
        Map<String, @Nullable Object> variables = new HashMap<>(specialTokens);
        variables.put(
                "messages",
                conversation.messages().stream().map(ChatTemplate::turn).toList());
        variables.put("tools", foreign(conversation.tools()));
        variables.put("documents", null);
        variables.put("add_generation_prompt", conversation.end() == Conversation.End.NEW_TURN);
        if (conversation.thinking() != null) {
            variables.put("enable_thinking", conversation.thinking());
        }
        return template.render(variables);
    }

    private static Map<Text, @Nullable Object> turn(Message message) {
        Map<Text, @Nullable Object> turn = new LinkedHashMap<>();
        turn.put(ROLE, ROLES.contains(message.role()) ? Text.own(message.role()) : Text.foreign(message.role()));
        turn.put(CONTENT, Text.foreign(message.content()));
        message.others().forEach((name, value) -> turn.putIfAbsent(Text.foreign(name), foreign(value)));
        return turn;
    }

    /// Returns `value` with all its strings, including keys, as foreign text.
    private static @Nullable Object foreign(@Nullable Object value) {
        return switch (value) {
            case String string -> Text.foreign(string);
            case List<?> list -> {
                List<@Nullable Object> items = new ArrayList<>();
                list.forEach(item -> items.add(foreign(item)));
                yield items;
            }
            case Map<?, ?> map -> {
                Map<Object, @Nullable Object> entries = new LinkedHashMap<>();
                map.forEach((key, item) -> entries.put(Text.foreign(String.valueOf(key)), foreign(item)));
                yield entries;
            }
            case null, default -> value;
        };
    }

    /// Tells whether `enable_thinking` changes what the template writes.
    public boolean heedsThinking() {
        return trial().heedsThinking();
    }

    /// Tells whether the assistant's turn begins within reasoning (`<think>`), as in models that always
    /// reason.
    ///
    /// @param thinking the value of `enable_thinking` for the template; null for none
    public boolean opensReasoning(@Nullable Boolean thinking) {
        return trial().opensReasoning(thinking);
    }

    /// Tells whether the template writes tools.
    public boolean heedsTools() {
        return trial().heedsTools();
    }

    /// Tells whether the template writes an assistant's `tool_calls`.
    public boolean heedsToolCalls() {
        return heeds(TOOL_CALLS);
    }

    /// Tells whether the template writes or refuses messages of a role, instead of ignoring them.
    public boolean writesRole(String role) {
        return trial().writesRole(role);
    }

    /// Returns the fields of messages that the template may read, together with other words of its source. It
    /// is empty if the template may read any field.
    public Optional<Set<String>> words() {
        return trial().writesAnyField() ? Optional.empty() : Optional.of(template.words());
    }

    private boolean heeds(String field) {
        return template.words().contains(field) || trial().writesAnyField();
    }
}
