package org.sparkqwen.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.kernels.KernelChoice;
import org.sparkqwen.engine.request.Content;
import org.sparkqwen.engine.request.Request;
import org.sparkqwen.engine.request.Result;
import org.sparkqwen.engine.request.Result.FinishReason;
import org.sparkqwen.engine.sampling.GenerationParams;
import org.sparkqwen.engine.testing.Golden;
import org.sparkqwen.engine.testing.ModelCopy;
import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// Texts of the small model follow their constraint, even if they are sampled at such a temperature that they
/// would otherwise be noise.
class ConstrainedGenerationTest {
    private static final Content PROMPT = new Content.Text("The state of the Union is", SpecialTokens.TEXT);
    private static final GenerationParams HOT = Golden.sampled(200, 1.5, 3);

    private static final Engine ENGINE = Engine.open(Golden.SMALL_MODEL, Golden.options(KernelChoice.VECTOR, 2, 4096));

    @AfterAll
    static void close() {
        ENGINE.close();
    }

    @Test
    void everyTextMatchesTheExpression() {
        String date = "(January|June|July), (1[0-9]|2[0-8]) [12][0-9]{3}( A\\.D\\.)?";
        List<Result.Generated> texts = generate(ENGINE, HOT.withConstraint(new Constraint.Regex(date)), 200);
        assertThat(texts).allSatisfy(generated -> {
            assertThat(generated.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(generated.text()).matches(date);
        });
        assertThat(texts.stream().map(Result.Generated::text).distinct()).hasSizeGreaterThan(100);
        assertThat(texts)
                .as("the optional end")
                .anyMatch(generated -> text(generated).endsWith("A.D."));
        assertThat(texts).anyMatch(generated -> !text(generated).endsWith("A.D."));
    }

    /// All of 100 texts are valid. They are sampled so hot that the model alone would write no JSON at all,
    /// and they are checked by a validator that knows nothing of the automaton.
    @Test
    void everyTextIsValidUnderTheSchema() {
        String schema = """
            {"type": "object", "additionalProperties": false,
             "properties": {
               "title": {"type": "string", "minLength": 3, "maxLength": 40},
               "mood": {"enum": ["calm", "grave", "merry"]},
               "stars": {"type": "integer", "minimum": 1, "maximum": 5},
               "price": {"type": ["number", "null"], "minimum": 0},
               "words": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{3,12}$"},
                         "minItems": 1, "maxItems": 3}},
             "required": ["title", "mood", "stars", "words"]}
            """;
        Schema judge = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                .getSchema(schema);
        List<Result.Generated> texts = generate(ENGINE, HOT.withConstraint(new Constraint.JsonSchema(schema)), 100);
        assertThat(texts).hasSize(100).allSatisfy(generated -> {
            assertThat(generated.finishReason()).isEqualTo(FinishReason.STOP);
            assertThat(judge.validate(text(generated), InputFormat.JSON))
                    .as(generated.text())
                    .isEmpty();
        });
        assertThat(texts.stream().map(Result.Generated::text).distinct()).hasSizeGreaterThan(90);
        assertThat(texts)
                .as("what is optional")
                .anyMatch(generated -> text(generated).contains("price"));
        assertThat(texts).anyMatch(generated -> !text(generated).contains("price"));
    }

    @Test
    void everyTextIsOneOfTheChoices() {
        List<String> choices = List.of("yes", "no", "not at all", "nothing", "ἀλήθεια", "真");
        List<Result.Generated> texts = generate(ENGINE, HOT.withConstraint(new Constraint.Choices(choices)), 300);
        assertThat(texts.stream().map(Result.Generated::text).distinct())
                .hasSizeBetween(3, 6)
                .isSubsetOf(choices);
        assertThat(texts).allMatch(generated -> generated.finishReason() == FinishReason.STOP);
    }

    /// Log-probabilities are the model's own, and are not computed among the allowed tokens only.
    @Test
    void aConstraintDoesNotChangeTheLogProbabilitiesOfWhatItAllows() {
        int[] prompt = ENGINE.tokens(PROMPT);
        Result.Generated free = Golden.generated(ENGINE, prompt, Golden.greedy(12));
        Constraint same = new Constraint.Choices(List.of(text(free)));
        Result.Generated constrained =
                Golden.generated(ENGINE, prompt, Golden.greedy(12).withConstraint(same));
        assertThat(constrained.tokens()).isEqualTo(free.tokens());
        assertThat(constrained.logProbabilities()).isEqualTo(free.logProbabilities());
        assertThat(constrained.finishReason()).as("complete").isEqualTo(FinishReason.STOP);
    }

    @Test
    void aTextThatReachesTheTokenLimitIsCutWithThatReason() {
        List<Result.Generated> texts =
                generate(ENGINE, Golden.sampled(5, 1.5, 3).withConstraint(new Constraint.Regex("[a-z ]{400}")), 20);
        assertThat(texts).allSatisfy(generated -> {
            assertThat(generated.finishReason()).isEqualTo(FinishReason.LENGTH);
            assertThat(generated.text()).matches("[a-z ]{5,}");
        });
    }

    @Test
    void aWrongConstraintRejectsTheRowWithItsReason() {
        Request.Generate request = new Request.Generate(0, PROMPT, 0, HOT.withConstraint(new Constraint.Regex("(a")));
        assertThat(ENGINE.generate(List.of(request).iterator()).next())
                .isInstanceOfSatisfying(
                        Result.Rejected.class,
                        rejected -> assertThat(rejected.reason()).startsWith("regex: "));
    }

    @Test
    void withoutATokenizerTextsCannotBeConstrained(@TempDir Path directory) {
        ModelCopy.of(Golden.SMALL_MODEL, directory).without("tokenizer.json");
        try (Engine engine = Engine.open(directory, Golden.options(KernelChoice.VECTOR, 1, 64))) {
            Request.Generate request = Golden.generate(
                    0, new int[] {1, 2}, Golden.greedy(3).withConstraint(new Constraint.Choices(List.of("a"))));
            assertThat(engine.generate(List.of(request).iterator()).next())
                    .isEqualTo(new Result.Rejected(
                            0, "the model has no tokenizer.json, so its texts cannot be constrained"));
        }
    }

    private static List<Result.Generated> generate(Engine engine, GenerationParams params, int samples) {
        List<Request.Generate> requests = IntStream.range(0, samples)
                .mapToObj(sample -> new Request.Generate(sample, PROMPT, sample, params))
                .toList();
        return Golden.all(engine.generate(requests.iterator())).stream()
                .map(Result.Generated.class::cast)
                .toList();
    }

    private static String text(Result.Generated generated) {
        return Objects.requireNonNull(generated.text());
    }
}
