package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.Result.FinishReason;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;
import org.sparkqwen.engine.tokenizer.Conversation;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// A text is divided into its reasoning and its answer. The small model has no tags, so four of its rarest
/// tokens become tags, and a bias makes the model write them.
class ReasoningTest {
    private static final int OPENING = 8185;
    private static final int CLOSING = 8186;
    private static final int END_OF_TEXT = 8189;
    private static final int IM_START = 8190;
    private static final List<String> TAGS = List.of("<think>", "</think>", "<tool_call>", "</tool_call>");

    /// A template like Qwen3's. The model begins its reasoning itself, unless the prompt closes it.
    private static final String TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
            + "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
            + "{% if add_generation_prompt %}assistant: {% if enable_thinking is false %}<think>\n\n</think>\n\n"
            + "{% endif %}{% endif %}";

    /// A template like that of Qwen3-Thinking-2507.
    private static final String ALWAYS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
            + "{% if add_generation_prompt %}assistant: <think>\n{% endif %}";

    /// A template like that of Qwen3-Instruct-2507.
    private static final String NEVER = ALWAYS.replace("<think>\n", "");

    @TempDir
    private static Path directory;

    private static Engine engine;

    @TempDir
    private Path other;

    @BeforeAll
    static void open() {
        engine = open(directory, TEMPLATE);
    }

    @AfterAll
    static void close() {
        engine.close();
    }

    private static Engine open(Path directory, String template) {
        ModelCopy.of(Golden.SMALL_MODEL, directory)
                .json("tokenizer_config.json", config -> config.put("chat_template", template))
                .json("tokenizer.json", ReasoningTest::addTags);
        return Engine.open(directory, Golden.options(KernelChoice.VECTOR, 2, 4096));
    }

    private static void addTags(ObjectNode tokenizer) {
        ObjectNode vocabulary = (ObjectNode) tokenizer.get("model").get("vocab");
        ArrayNode merges = (ArrayNode) tokenizer.get("model").get("merges");
        for (int i = 0; i < TAGS.size(); i++) {
            int id = OPENING + i;
            List<String> names = new ArrayList<>();
            vocabulary.properties().forEach(entry -> {
                if (entry.getValue().intValue() == id) {
                    names.add(entry.getKey());
                }
            });
            vocabulary.remove(names);
            vocabulary.put(TAGS.get(i), id); // an added token that the vocabulary has keeps its id
            for (int m = merges.size() - 1; m >= 0; m--) {
                String merged = merges.get(m).isArray()
                        ? merges.get(m).get(0).textValue()
                                + merges.get(m).get(1).textValue()
                        : merges.get(m).textValue().replace(" ", "");
                if (names.contains(merged)) {
                    merges.remove(m);
                }
            }
            ((ArrayNode) tokenizer.get("added_tokens"))
                    .addObject()
                    .put("id", id)
                    .put("content", TAGS.get(i))
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", false);
        }
    }

    @Test
    void theAnswerIsWhatComesAfterTheClosingTag() {
        int answered = 0;
        for (Result.Generated generated : generate(engine, true, biased(30, CLOSING, 12), null)) {
            String whole = decode(generated);
            int closing = whole.indexOf("</think>");
            answered += closing >= 0 ? 1 : 0;
            if (closing < 0) {
                assertThat(generated.reasoning()).isNull();
                assertThat(generated.text()).isEqualTo(whole);
            } else {
                assertThat(generated.reasoning()).isEqualTo(strip(whole.substring(0, closing)));
                assertThat(generated.text())
                        .isEqualTo(whole.substring(closing + 8).replaceFirst("^\n+", ""));
            }
        }
        assertThat(answered).isBetween(5, 40);
    }

    @Test
    void reasoningThatDoesNotEndLeavesNoAnswer() {
        GenerationParams opening = biased(12, OPENING, 1000);
        assertThat(generate(engine, true, opening, null)).allSatisfy(generated -> {
            assertThat(generated.tokens()).containsOnly(OPENING);
            assertThat(generated.reasoning()).isEqualTo("<think>".repeat(11));
            assertThat(generated.text()).isEmpty();
        });
        try (Engine always = open(other, ALWAYS)) {
            for (Result.Generated generated : generate(always, true, Golden.sampled(12, 1, 3), null)) {
                assertThat(generated.reasoning()).isEqualTo(strip(decode(generated)));
                assertThat(generated.text()).isEmpty();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"on", "off", "unset"})
    void aPromptThatOpensTheReasoningCountsOnlyIfThinkingIsOn(String thinking) {
        try (Engine always = open(other, ALWAYS)) {
            for (Result.Generated generated : generate(always, thinking(thinking), biased(20, CLOSING, 12), null)) {
                boolean on = thinking.equals("on");
                assertThat(generated.reasoning() != null).isEqualTo(on);
                if (!on) {
                    assertThat(Objects.requireNonNull(generated.text()).contains("</think>"))
                            .isEqualTo(generated.tokens().contains(CLOSING));
                }
            }
        }
    }

    private static @Nullable Boolean thinking(String option) {
        return option.equals("unset") ? null : option.equals("on");
    }

    @Test
    void aConstraintBeginsAfterTheClosingTag() {
        Constraint words = new Constraint.Regex("[a-z]{3,8}( [a-z]{3,8}){1,3}\\.");
        for (String template : List.of(TEMPLATE, ALWAYS)) {
            Path place = template.equals(TEMPLATE) ? other.resolve("a") : other.resolve("b");
            assertThat(place.toFile().mkdirs()).isTrue();
            try (Engine reasoning = open(place, template)) {
                int ended = 0;
                for (Result.Generated generated :
                        generate(reasoning, true, biased(80, CLOSING, 12).withConstraint(words), null)) {
                    int closing = generated.tokens().indexOf(CLOSING);
                    if (generated.finishReason() == FinishReason.STOP) {
                        ended++;
                        assertThat(closing).isNotNegative();
                        assertThat(generated.text()).matches("[a-z]{3,8}( [a-z]{3,8}){1,3}\\.");
                        assertThat(generated.tokens().subList(0, closing)).doesNotContain(END_OF_TEXT);
                        assertThat(generated.reasoning())
                                .isEqualTo(strip(decode(generated.tokens().subList(0, closing))));
                    } else if (closing < 0) {
                        assertThat(generated.text()).isEmpty();
                    }
                }
                assertThat(ended).isGreaterThan(5);
            }
        }
    }

    /// If the text ended before that, it would not match its constraint.
    @Test
    void noTextEndsBeforeItsConstraintBegins() {
        GenerationParams ends = biased(20, END_OF_TEXT, 1000).withConstraint(new Constraint.Choices(List.of("a")));
        assertThat(generate(engine, true, ends, null)).allSatisfy(generated -> {
            assertThat(generated.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(generated.text()).isEmpty();
        });
    }

    @ParameterizedTest
    @CsvSource({"off", "unset"})
    void withoutThinkingAConstraintBeginsAtOnce(String thinking) {
        GenerationParams params = biased(40, CLOSING, 12).withConstraint(new Constraint.Regex("[a-z]{5}"));
        assertThat(generate(engine, thinking(thinking), params, null)).allSatisfy(generated -> {
            assertThat(generated.text()).matches("[a-z]{5}");
            assertThat(generated.reasoning()).isNull();
        });
    }

    @Test
    void aTemplateWithoutThinkingHasNoReasoning() {
        try (Engine never = open(other, NEVER)) {
            GenerationParams params = biased(40, CLOSING, 12).withConstraint(new Constraint.Regex("[a-z]{5}"));
            assertThat(generate(never, true, params, null))
                    .allSatisfy(generated -> assertThat(generated.text()).matches("[a-z]{5}"));
        }
    }

    @Test
    void aConstraintAfterReasoningNeedsTheTagAsAToken() {
        ModelCopy.of(Golden.SMALL_MODEL, other)
                .json("tokenizer_config.json", config -> config.put("chat_template", TEMPLATE));
        try (Engine without = Engine.open(other, Golden.options(KernelChoice.VECTOR, 1, 256))) {
            GenerationParams params = Golden.greedy(4).withConstraint(new Constraint.Regex("a"));
            Request.Generate request = new Request.Generate(0, chat(true, null), 0, params);
            assertThat(without.generate(List.of(request).iterator()).next())
                    .isEqualTo(new Result.Rejected(
                            0, "the model has no token </think> after which a constraint could begin"));
        }
    }

    @Test
    void specialTokensAreLeftOutOfTheTextUnlessTheyAreKept() {
        int seen = 0;
        for (int bias = 8; bias <= 20; bias += 4) { // from hardly ever to nearly always
            GenerationParams params = biased(30, IM_START, bias);
            List<Result.Generated> without = generate(engine, null, params, null);
            List<Result.Generated> kept = generate(engine, null, params.withSpecialTokensInText(true), null);
            for (int i = 0; i < kept.size(); i++) {
                List<Integer> tokens = without.get(i).tokens();
                seen += tokens.contains(IM_START) ? 1 : 0;
                assertThat(without.get(i).text())
                        .isEqualTo(decode(
                                tokens.stream().filter(id -> id < END_OF_TEXT).toList()));
                assertThat(kept.get(i).tokens()).isEqualTo(tokens);
                assertThat(kept.get(i).text())
                        .as("an end-of-text token included")
                        .isEqualTo(decode(tokens));
            }
        }
        assertThat(seen).isGreaterThan(10);
    }

    @Test
    void aStopTextThatIsASpecialTokenStops() {
        GenerationParams params = biased(30, IM_START, 1000);
        GenerationParams stopping = params.withEnding(params.ending().withStop(List.of("m_start|")));
        assertThat(generate(engine, null, stopping, null)).allSatisfy(generated -> {
            assertThat(generated.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(generated.tokens()).hasSize(1);
            assertThat(generated.text()).isEmpty();
        });
        assertThat(generate(engine, null, stopping.withSpecialTokensInText(true), null))
                .allSatisfy(generated -> assertThat(generated.text()).isEqualTo("<|i"));
    }

    @Test
    void toolCallsAreReadFromATextThatWasGivenTools() {
        List<Map<String, String>> tools = List.of(Map.of("name", "weather"));
        assertThat(generate(engine, null, Golden.greedy(5), tools))
                .allSatisfy(generated -> assertThat(generated.toolCalls()).isEmpty());
        assertThat(generate(engine, null, biased(5, OPENING + 2, 1000), tools)).allSatisfy(generated -> {
            assertThat(generated.toolCalls()).isNull();
            assertThat(generated.text()).isEqualTo("<tool_call>".repeat(5));
        });
        assertThat(generate(engine, null, Golden.greedy(5), null))
                .allSatisfy(generated -> assertThat(generated.toolCalls()).isNull());
    }

    private static GenerationParams biased(int length, int token, double bias) {
        GenerationParams params = Golden.sampled(length, 1, 3);
        return params.withSampling(params.sampling().withLogitBias(Map.of(token, bias)));
    }

    private static Content chat(@Nullable Boolean thinking, @Nullable List<?> tools) {
        return new Content.Chat(new Conversation(
                List.of(new Message("user", "The state of the Union")), tools, thinking, Conversation.End.NEW_TURN));
    }

    private static List<Result.Generated> generate(
            Engine engine, @Nullable Boolean thinking, GenerationParams params, @Nullable List<?> tools) {
        List<Request.Generate> requests = IntStream.range(0, 40)
                .mapToObj(sample -> new Request.Generate(sample, chat(thinking, tools), sample, params))
                .toList();
        return Golden.all(engine.generate(requests.iterator())).stream()
                .map(Result.Generated.class::cast)
                .sorted(Comparator.comparingLong(Result.Generated::id))
                .toList();
    }

    /// Decodes all tokens except the one that ended the text.
    private static String decode(Result.Generated generated) {
        boolean ended = generated.tokens().getLast() == END_OF_TEXT;
        return decode(ended ? generated.tokens().subList(0, generated.tokens().size() - 1) : generated.tokens());
    }

    private static String decode(List<Integer> tokens) {
        Tokenizer tokenizer = engine.tokenizer().orElseThrow();
        return tokenizer.decode(tokens.stream().mapToInt(Integer::intValue).toArray());
    }

    private static String strip(String text) {
        return text.replaceFirst("^\\s*<think>", "").replaceAll("^\n+|\n+\\z", "");
    }
}
