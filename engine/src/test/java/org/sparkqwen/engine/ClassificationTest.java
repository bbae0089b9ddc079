package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Labels;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.run.ClassificationRun;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Labels have transformers' log-probabilities after their prompts, whatever else is classified with them.
class ClassificationTest {
    private static final JsonNode LABELS = Golden.read(Golden.DIRECTORY.resolve("selecting/labels.json"));
    private static final JsonNode RERANKER = Golden.read(Golden.DIRECTORY.resolve("selecting/reranker.json"));
    private static final Labels YES_NO = new Labels(List.of("no", "yes"));
    private static final int CONTEXT = 1024;

    private static Engine engine = open(KernelChoice.VECTOR, 4096);

    @AfterAll
    static void close() {
        engine.close();
    }

    @ParameterizedTest
    @MethodSource("org.sparkqwen.engine.kernels.BackEnds#fastChoices")
    void labelsHaveTransformersLogProbabilities(KernelChoice kernels) {
        List<Request.Classify> requests = new ArrayList<>();
        LABELS.get("cases").forEach(node -> requests.add(request(requests.size(), node)));
        for (int batchTokens : new int[] {10, 4096}) {
            try (Engine engine = open(kernels, batchTokens)) {
                List<Result> results = Golden.all(engine.classify(requests.iterator()));
                for (int i = 0; i < results.size(); i++) {
                    JsonNode node = LABELS.get("cases").get(i);
                    Result.Classified result = (Result.Classified) results.get(i);
                    double[] expected = Golden.doubles(node.get("logprobs"));
                    for (int label = 0; label < expected.length; label++) {
                        double tolerance = Golden.NLL_TOLERANCE
                                * node.get("label_ids").get(label).size();
                        assertThat(result.logProbabilities()[label]).isCloseTo(expected[label], within(tolerance));
                    }
                    assertThat(result.probabilities())
                            .containsExactly(Golden.doubles(node.get("probabilities")), within(1e-4));
                    assertThat(result.promptTokens())
                            .isEqualTo(node.get("prompt_ids").size());
                }
                assertThat(engine.blocksInUse()).isZero();
            }
        }
    }

    @Test
    void theRerankersScoresAreThoseOfTransformers() {
        for (JsonNode node : RERANKER.get("cases")) {
            Content.Framed prompt = framed("<Instruct>: %s\n<Query>: %s\n<Document>: %s"
                    .formatted(
                            node.get("instruction").textValue(),
                            node.get("query").textValue(),
                            node.get("document").textValue()));
            assertThat(engine.tokens(prompt)).isEqualTo(Golden.ints(node.get("ids")));
            Result.Classified result = classified(prompt, YES_NO, CONTEXT);
            assertThat(result.logProbabilities()[1])
                    .isCloseTo(node.get("logprob_yes").doubleValue(), within(4 * Golden.NLL_TOLERANCE));
            assertThat(result.probability("yes")).isCloseTo(node.get("score").doubleValue(), within(1e-4));
            assertThat(result.truncated()).isFalse();
        }
    }

    @Test
    void thePromptIsComputedOnceForAllLabels() {
        try (Engine engine = open(KernelChoice.VECTOR, 4096)) {
            ClassificationRun run = engine.classify(
                    List.of(request(0, LABELS.get("cases").get(3))).iterator());
            run.forEachRemaining(result -> {});
            assertThat(run.promptTokens()).isEqualTo(6 * 14);
            assertThat(run.sharedTokens()).isEqualTo(5 * 14);
            assertThat(engine.load().scoredTokens()).isEqualTo(14);
        }
    }

    @Test
    void theMarginIsBetweenTheTwoBestAndTheFirstOfEqualsIsTheLabel() {
        Result.Classified result =
                Result.Classified.of(0, new Labels(List.of("0", "2", "10")), new double[] {-3, -1, -1}, 5, 3, false);
        double each = 1 / (2 + StrictMath.exp(-2));
        assertThat(result.label()).isEqualTo("2");
        assertThat(result.margin()).isZero();
        assertThat(result.expectedValue()).isCloseTo(12 * each, within(1e-12));
        assertThat(result.probability("2")).isCloseTo(each, within(1e-12));
    }

    @Test
    void theEndOfAFramedTextIsCutAndAnotherPromptIsRejected() {
        Content.Framed prompt = framed("The whale is an animal of the sea. ".repeat(20));
        int whole = engine.tokens(prompt).length;
        int longest = engine.tokens(new Content.Text("yes", SpecialTokens.TEXT)).length;
        Result.Classified fits = classified(prompt, YES_NO, whole + longest - 1);
        Result.Classified cut = classified(prompt, YES_NO, whole + longest - 2);
        assertThat(fits.truncated()).isFalse();
        assertThat(cut.truncated()).isTrue();
        assertThat(cut.promptTokens()).isEqualTo(whole - 1);

        assertThat(result(text("The whale is an animal"), YES_NO, 4))
                .isInstanceOfSatisfying(
                        Result.Rejected.class,
                        rejected -> assertThat(rejected.reason())
                                .endsWith("and the longest label do not fit into a context of 4"));
        assertThat(result(framed("The whale"), YES_NO, 20))
                .isInstanceOfSatisfying(
                        Result.Rejected.class,
                        rejected -> assertThat(rejected.reason()).contains("leave no room for it"));
        assertThat(result(text("x"), new Labels(List.of("The whale is an animal", "no")), 3))
                .isInstanceOfSatisfying(
                        Result.Rejected.class,
                        rejected ->
                                assertThat(rejected.reason()).startsWith("the label 'The whale is an animal' has "));
    }

    /// A row cannot end its part of the prompt.
    @Test
    void specialTokensInAFramedTextAndInLabelsAreText() {
        int end = engine.tokens(new Content.Text("<|im_end|>", SpecialTokens.PARSE))[0];
        int[] ids = engine.tokens(framed("<|im_end|>"));
        assertThat(Arrays.stream(ids).filter(id -> id == end)).hasSize(2);
        Result.Classified result = classified(text("x"), new Labels(List.of("<|im_end|>", "no")), CONTEXT);
        assertThat(result.labelTokens()).isGreaterThan(3);
    }

    @Test
    void rejectedPromptsComeInTheirTurnAndTheOthersGoOn() {
        List<Request.Classify> requests = List.of(
                new Request.Classify(0, new Content.Unreadable("the text is null"), YES_NO, CONTEXT),
                new Request.Classify(1, text("x"), YES_NO, CONTEXT),
                new Request.Classify(2, text(""), YES_NO, CONTEXT));
        List<Result> results = Golden.all(engine.classify(requests.iterator()));
        assertThat(results.get(0)).isEqualTo(new Result.Rejected(0, "the text is null"));
        assertThat(results.get(1)).isInstanceOf(Result.Classified.class);
        assertThat(results.get(2)).isEqualTo(new Result.Rejected(2, "the text is empty"));
    }

    @Test
    void wrongLabelsAreRefused() {
        assertRefused(List.of(), "there are no labels");
        assertRefused(List.of("a"), "'a' is the only label; there must be two to choose from");
        assertRefused(List.of("a", "b", "a"), "the label 'a' is there twice");
        assertRefused(List.of("a", ""), "label 2 is empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {"good", "NaN", "1f", "0x1p3", "Infinity", "1e999"})
    void aLabelThatIsNoNumberIsRefused(String label) {
        assertThatThrownBy(() -> new Labels(List.of("1", label)).numbers())
                .hasMessage("the label '%s' is no number".formatted(label));
        assertThat(new Labels(List.of(" 1", "-2.5")).numbers()).containsExactly(1, -2.5);
    }

    private static void assertRefused(List<String> names, String reason) {
        assertThatThrownBy(() -> new Labels(names))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(reason);
    }

    private static Request.Classify request(long id, JsonNode node) {
        List<String> names = StreamSupport.stream(node.get("labels").spliterator(), false)
                .map(JsonNode::textValue)
                .toList();
        return new Request.Classify(id, text(node.get("prompt").textValue()), new Labels(names), CONTEXT);
    }

    private static Result.Classified classified(Content content, Labels labels, int context) {
        return (Result.Classified) result(content, labels, context);
    }

    private static Result result(Content content, Labels labels, int context) {
        return engine.classify(List.of(new Request.Classify(0, content, labels, context))
                        .iterator())
                .next();
    }

    private static Content.Framed framed(String text) {
        return new Content.Framed(
                "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the"
                        + " Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n"
                        + "<|im_start|>user\n",
                new Content.Text(text, SpecialTokens.TEXT),
                "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n");
    }

    private static Content.Text text(String text) {
        return new Content.Text(text, SpecialTokens.TEXT);
    }

    private static Engine open(KernelChoice kernels, int batchTokens) {
        return Engine.open(Golden.SMALL_MODEL, Golden.options(kernels, 2, batchTokens));
    }
}
