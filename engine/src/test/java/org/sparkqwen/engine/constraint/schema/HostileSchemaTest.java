package org.sparkqwen.engine.constraint.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

/// Schemas that ask for too much: each is compiled, or refused in one line, in about a second.
class HostileSchemaTest {
    private static final Duration BOUND = Duration.ofSeconds(20); // of a slow machine

    private static String list(int size, IntFunction<String> element) {
        return IntStream.range(0, size).mapToObj(element).collect(Collectors.joining(",", "[", "]"));
    }

    private static String object(int size, IntFunction<String> member) {
        return IntStream.range(0, size).mapToObj(member).collect(Collectors.joining(",", "{", "}"));
    }

    private static String properties(int size, String schema) {
        return "{'type': 'object', 'properties': " + object(size, i -> "'field_%d': %s".formatted(i, schema)) + "}";
    }

    private static String doubling(String keyword) {
        return "{'$ref': '#/$defs/d0', '$defs': "
                + object(
                        41,
                        i -> i == 40
                                ? "'d40': {'type': 'number'}"
                                : "'d%d': {'%s': [{'$ref': '#/$defs/d%d'}, {'$ref': '#/$defs/d%d'}]}"
                                        .formatted(i, keyword, i + 1, i + 1))
                + "}";
    }

    static final List<String> SCHEMAS = List.of(
            "{'type': 'string', 'minLength': 1e2147483647}",
            "{'type': 'string', 'maxLength': 1e2147483647, 'pattern': 'a'}",
            "{'type': 'array', 'items': {'type': 'null'}, 'maxItems': 1e2147483647}",
            "{'type': 'array', 'items': {}, 'minItems': 1000000000}",
            "{'type': 'object', 'minProperties': 1e2147483647}",
            "{'type': 'object', 'maxProperties': 1e2147483647}",
            "{'type': 'object', 'maxProperties': 100000}",
            "{'type': 'number', 'minimum': -1e2147483647, 'exclusiveMaximum': 1e-2147483647}",
            "{'type': 'integer', 'multipleOf': 1e-2147483647}",
            "{'const': 1e2147483647, 'multipleOf': 3}",
            "{'enum': [1e2147483647, 1e-2147483647, 1e2147483646], 'type': 'integer', 'maximum': 2e2147483646}",
            "{'not': {'const': 1e2147483647}, 'type': 'number'}",
            properties(20_000, "{'const': 1}"),
            properties(5_000, "{}"),
            "{'type': 'object', 'properties': "
                    + object(5_000, i -> "'%s': {'type': 'null'}".formatted(Character.toString(0x4E00 + i))) + "}",
            "{'oneOf': " + list(3_000, i -> "{'type': 'object', 'required': ['k%d']}".formatted(i)) + "}",
            "{'oneOf': " + list(190, i -> "{'type': 'object', 'required': ['k%d']}".formatted(i)) + "}",
            "{'oneOf': " + list(3_000, i -> "{'type': 'string', 'pattern': '^a%d'}".formatted(i)) + "}",
            "{'allOf': "
                    + list(
                            1_000,
                            i -> "{'type': 'object', 'properties': {'p%d': {'type': 'null'}}, 'required': ['p%d']}"
                                    .formatted(i, i))
                    + "}",
            "{'allOf': " + list(1_000, i -> "{'not': {'const': 'a%d'}}".formatted(i)) + ", 'type': 'string'}",
            "{'allOf': " + list(20, i -> "{'anyOf': " + list(4, j -> "{'required': ['p%d_%d']}".formatted(i, j)) + "}")
                    + "}",
            "{'allOf': " + list(30, i -> "{'not': {'required': ['a%d', 'b%d', 'c%d']}}".formatted(i, i, i))
                    + ", 'type': 'object'}",
            doubling("prefixItems"),
            doubling("allOf"),
            doubling("anyOf"),
            doubling("oneOf"),
            "{'$ref': '#/$defs/d0', '$defs': "
                    + object(3_000, i -> "'d%d': {'$ref': '#/$defs/d%d'}".formatted(i, (i + 1) % 3_000)) + "}",
            "{'$ref': '#/$defs/d0', '$defs': "
                    + object(3_000, i -> "'d%d': {'items': {'$ref': '#/$defs/d%d'}}".formatted(i, i + 1)) + "}",
            "{'$ref': '#/$defs/d0', '$defs': "
                    + object(
                            8,
                            i -> "'d%d': {'type': 'object', 'properties': %s}"
                                    .formatted(i, object(8, j -> "'p%d': {'$ref': '#/$defs/d%d'}".formatted(j, j))))
                    + "}",
            "{'type': 'object', 'properties': {'a': {'allOf': [{'$ref': '#'}, {'$ref': '#/$defs/x'}]}}, '$defs': {'x':"
                    + " {'properties': {'a': {'not': {'$ref': '#'}}}}}}",
            "{'items':".repeat(10_000) + "{}" + "}".repeat(10_000),
            "{'items':".repeat(190) + "{}" + "}".repeat(190),
            "{'not':".repeat(190) + "{}" + "}".repeat(190),
            "{'type': 'object', 'patternProperties': "
                    + object(6, i -> "'^.*%d.*a.{9}': {'type': 'integer'}".formatted(i)) + "}",
            "{'type': 'string', 'pattern': '.*a.{14}', 'maxLength': 2000}",
            "{'type': 'string', 'not': {'pattern': '.*a.{14}'}, 'maxLength': 2000}",
            "{'type': 'string', 'pattern': '[a-z]{3}.*[0-9]{3}.*x', 'format': 'uri'}",
            "{'oneOf': [{'type': 'string', 'maxLength': 40000}, {'type': 'string', 'minLength': 30000}]}",
            "{'enum': " + list(100_000, i -> "'value number %d'".formatted(i)) + "}",
            "{'enum': " + list(3_000, i -> "{'a': %d, 'b': [%d]}".formatted(i, i)) + "}",
            "{'type': 'array', 'items': {'enum': " + list(9, Integer::toString) + "}, 'uniqueItems': true}",
            "{'type': 'object', 'properties': {'" + "k".repeat(49_000) + "': {}}, 'additionalProperties': true}",
            " ".repeat(12_000_000) + "{}");

    /// Schemas that take a second or more each.
    static final List<String> LARGE_SCHEMAS = List.of(
            properties(5_000, "{'type': 'integer'}"),
            properties(300, "{'type': 'null'}").replace("{'type': 'object'", "{'minProperties': 150, 'type': 'object'"),
            "{'oneOf': "
                    + list(
                            3_000,
                            i -> "{'type': 'object', 'properties': {'k': {'const': 'k%d'}, 'v': {}}, 'required': ['k']}"
                                    .formatted(i))
                    + "}",
            "{'anyOf': "
                    + list(3_000, i -> "{'type': 'object', 'properties': {'a': {'const': %d}, 'b': {}}}".formatted(i))
                    + "}");

    @ParameterizedTest
    @FieldSource("SCHEMAS")
    void endsSoon(String schema) {
        requireAnswer(schema.replace('\'', '"'));
    }

    @ParameterizedTest
    @FieldSource("LARGE_SCHEMAS")
    @Tag("slow")
    void endsSoonThoughItIsLarge(String schema) {
        requireAnswer(schema.replace('\'', '"'));
    }

    private static void requireAnswer(String schema) {
        assertTimeout(BOUND, () -> {
            try {
                assertThat(JsonSchemaCompiler.compile(schema, Constraint.JsonSchema.DEFAULT_DEPTH)
                                .states())
                        .isPositive();
            } catch (RefusedConstraint e) {
                assertThat(e.reason()).hasSizeBetween(10, 2_000).doesNotContain("\n");
            }
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 50})
    void deepRecursionEndsSoon(int depth) {
        String tree = "{\"type\": \"object\", \"properties\": {\"l\": {\"$ref\": \"#\"}, \"r\": {\"$ref\": \"#\"}}}";
        assertTimeout(BOUND, () -> {
            try {
                JsonSchemaCompiler.compile(tree, depth);
            } catch (RefusedConstraint e) {
                assertThat(e.reason())
                        .contains("too large")
                        .endsWith("; or lower --schema-depth, which is %d".formatted(depth));
            }
        });
    }

    /// Characters of honest schemas are changed at random.
    @Test
    void mutatedSchemasAreCompiledOrRefused() {
        Random random = new Random(19);
        for (int i = 0; i < 600; i++) {
            StringBuilder schema = new StringBuilder(
                    JsonSchemaCompilerTest.SCHEMAS.get(random.nextInt(JsonSchemaCompilerTest.SCHEMAS.size())));
            for (int change = random.nextInt(1, 4); change > 0; change--) {
                int at = random.nextInt(schema.length() - 1);
                switch (random.nextInt(3)) {
                    case 0 -> schema.setCharAt(at, "{}[]\",:0123456789eE-.".charAt(random.nextInt(21)));
                    case 1 -> schema.deleteCharAt(at);
                    default -> schema.insert(at, schema.substring(at, Math.min(schema.length(), at + 9)));
                }
            }
            requireAnswer(schema.toString());
        }
    }
}
