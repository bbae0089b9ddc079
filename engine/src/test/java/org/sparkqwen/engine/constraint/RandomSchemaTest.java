package org.sparkqwen.engine.constraint;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// For random schemas, what is generated is valid, and what is valid is generated.
class RandomSchemaTest {
    private static final SchemaRegistry JUDGES = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

    @Test
    void textsAreThoseThatAreValid() {
        requireSameMeaning(0, 250);
    }

    @Test
    @Tag("slow")
    void textsOfThousandsOfSchemasAreThoseThatAreValid() {
        requireSameMeaning(1_000, 6_000);
    }

    private static void requireSameMeaning(int first, int end) {
        int compiled = 0;
        int accepted = 0;
        for (int seed = first; seed < end; seed++) {
            RandomSchema source = new RandomSchema(seed);
            ObjectNode schema = source.schema();
            Schema judge = JUDGES.getSchema(schema);
            ByteAutomaton texts;
            try {
                texts = JsonSchemaCompiler.compile(schema.toString(), Constraint.JsonSchema.DEFAULT_DEPTH);
            } catch (RefusedConstraint e) {
                texts = null;
                if (!e.reason().contains("can never be met")) {
                    continue;
                }
            }
            for (int i = 0; i < 40; i++) {
                JsonNode value = source.value(schema, 3);
                boolean valid = judge.validate(value).isEmpty();
                boolean accepts = texts != null && inAnyOrder(value).anyMatch(texts::accepts);
                if (accepts) {
                    accepted++;
                    assertThat(valid)
                            .as("%s by %s, seed %d", value, schema, seed)
                            .isTrue();
                }
                // What tells two branches of oneOf apart may be a property that neither declares.
                boolean undecided =
                        schema.toString().contains("oneOf") && value.toString().contains("{");
                if (valid && source.isExplicit() && !undecided) {
                    assertThat(accepts)
                            .as("%s by %s, seed %d", value, schema, seed)
                            .isTrue();
                }
            }
            if (texts != null) {
                compiled++;
                requireValidTexts(schema, judge, seed);
            }
        }
        assertThat(compiled).isGreaterThan((end - first) / 2);
        assertThat(accepted).isGreaterThan(5 * (end - first));
    }

    /// Returns the texts of a value, with its properties in all orders.
    private static Stream<String> inAnyOrder(JsonNode value) {
        if (value.isArray()) {
            Stream<String> texts = Stream.of("");
            for (JsonNode item : value) {
                texts = texts.flatMap(text -> inAnyOrder(item).map(next -> text.isEmpty() ? next : text + "," + next));
            }
            return texts.map("[%s]"::formatted);
        }
        if (value.isObject()) {
            return members(List.copyOf(value.properties())).map("{%s}"::formatted);
        }
        return Stream.of(value.toString());
    }

    @SuppressWarnings("ReferenceEquality") // all but this very one
    private static Stream<String> members(List<Map.Entry<String, JsonNode>> left) {
        return left.isEmpty()
                ? Stream.of("")
                : left.stream().flatMap(first -> {
                    List<Map.Entry<String, JsonNode>> others =
                            left.stream().filter(each -> each != first).toList();
                    String end = others.isEmpty() ? "" : ",";
                    return inAnyOrder(first.getValue())
                            .flatMap(text -> members(others)
                                    .map(rest -> "\"%s\":%s%s%s".formatted(first.getKey(), text, end, rest)));
                });
    }

    private static void requireValidTexts(ObjectNode schema, Schema judge, int seed) {
        TokenConstraint constraint = SampleVocabulary.TINY.compile(new Constraint.JsonSchema(schema.toString(), 2));
        Random random = new Random(seed);
        for (int i = 0; i < 4; i++) {
            String text = SampleVocabulary.TINY.randomText(constraint, random);
            assertThat(judge.validate(text, InputFormat.JSON))
                    .as("%s by %s, seed %d", text, schema, seed)
                    .isEmpty();
        }
    }
}
