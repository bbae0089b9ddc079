package org.sparkqwen.engine.constraint.schema;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.SampleVocabulary;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// For random schemas, what is generated is valid, and what is valid is generated.
class RandomSchemaTest {
    private static final SchemaRegistry JUDGES = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);

    @Test
    void textsAreThoseThatAreValid() {
        requireSameMeaning(0, 50);
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
                boolean accepts = texts != null && acceptsInSomeOrder(texts, value);
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

    /// Returns whether the value is accepted with its properties in some order.
    ///
    /// Nested objects have too many orders to try each text, so the automaton is walked through all orders at once.
    private static boolean acceptsInSomeOrder(ByteAutomaton texts, JsonNode value) {
        return texts.states() > 0
                && after(texts, Set.of(texts.start()), value).stream().anyMatch(texts::accepts);
    }

    /// Returns the states that any of the value's texts leads to from any of `states`.
    private static Set<Long> after(ByteAutomaton texts, Set<Long> states, JsonNode value) {
        if (states.isEmpty()) {
            return states;
        }
        if (value.isArray()) {
            Set<Long> reached = after(texts, states, "[");
            String comma = "";
            for (JsonNode item : value) {
                reached = after(texts, after(texts, reached, comma), item);
                comma = ",";
            }
            return after(texts, reached, "]");
        }
        return value.isObject() ? afterObject(texts, states, value) : after(texts, states, value.toString());
    }

    private static Set<Long> afterObject(ByteAutomaton texts, Set<Long> states, JsonNode object) {
        List<Map.Entry<String, JsonNode>> properties = List.copyOf(object.properties());
        int all = (1 << properties.size()) - 1;
        List<Set<Long>> reached = new ArrayList<>(); // by the set of properties so far, one bit each
        for (int set = 0; set <= all; set++) {
            reached.add(new HashSet<>());
        }
        reached.getFirst().addAll(after(texts, states, "{"));
        for (int set = 0; set < all; set++) {
            for (int i = 0; i < properties.size(); i++) {
                if ((set >> i & 1) == 0) {
                    String key = "%s\"%s\":"
                            .formatted(set == 0 ? "" : ",", properties.get(i).getKey());
                    Set<Long> behindKey = after(texts, reached.get(set), key);
                    reached.get(set | 1 << i)
                            .addAll(after(texts, behindKey, properties.get(i).getValue()));
                }
            }
        }
        return after(texts, reached.get(all), "}");
    }

    private static Set<Long> after(ByteAutomaton texts, Set<Long> states, String text) {
        Set<Long> reached = states;
        for (byte each : text.getBytes(UTF_8)) {
            reached = reached.stream()
                    .map(state -> texts.step(state, each & 0xFF))
                    .filter(state -> state != ByteAutomaton.NOWHERE)
                    .collect(Collectors.toSet());
        }
        return reached;
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
