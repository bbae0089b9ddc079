package org.sparkqwen.engine.constraint.schema;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.networknt.schema.Error;
import com.networknt.schema.InputFormat;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.math.BigDecimal;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.SampleVocabulary;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.constraint.automaton.ByteAutomaton;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;

class JsonSchemaCompilerTest {
    static final List<String> SCHEMAS = List.of("""
        {"type": "object", "title": "Person", "description": "someone", "additionalProperties": false,
         "properties": {
           "name": {"type": "string", "minLength": 1, "maxLength": 20},
           "age": {"type": "integer", "minimum": 0, "maximum": 150},
           "mail": {"type": ["string", "null"], "minLength": 3},
           "tags": {"type": "array", "items": {"enum": ["a", "b", "ü\\n\\"x\\""]}, "maxItems": 3}},
         "required": ["name", "age"]}
        """, """
        {"type": "object", "properties": {
           "a": {"type": "boolean"}, "b": {"type": "null"}, "c/d~e\\"\\t": {"const": [1, 2.50, {"x": "y", "z": []}]}}}
        """, """
        {"$defs": {"point": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
                             "required": ["x", "y"]},
                   "a b/c": {"type": "array", "items": {"$ref": "#/$defs/point"}, "minItems": 2, "maxItems": 4}},
         "type": "object", "properties": {"from": {"$ref": "#/$defs/point", "description": "start"},
                                          "way": {"$ref": "#/$defs/a%20b~1c"}}, "required": ["way"]}
        """, """
        {"anyOf": [{"type": "string", "pattern": "^[A-Z]{2}\\\\d+$", "maxLength": 6}, {"type": "null"},
                   {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": false}]}
        """, """
        {"oneOf": [
           {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "maximum": 9}},
            "required": ["kind"]},
           {"type": "object", "properties": {"kind": {"enum": ["dog", "wolf"]}, "name": {"type": "string"}},
            "required": ["kind", "name"]},
           {"type": "integer"}, {"type": ["null", "string"]}]}
        """, """
        {"type": "array", "items": {"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "minItems": 1}
        """, """
        {"type": "array", "items": {"type": "number", "exclusiveMinimum": -12.5, "maximum": 1000.25}, "minItems": 5}
        """, """
        {"type": "array", "minItems": 5,
         "items": {"type": "integer", "exclusiveMinimum": -1234, "maximum": -7, "multipleOf": 7}}
        """, """
        {"type": "array", "minItems": 5, "items": {"type": ["integer", "number"], "minimum": 100, "multipleOf": 0.01}}
        """, """
        {"type": "object", "required": ["d", "dt", "t", "u", "ip"], "properties": {
           "d": {"type": "string", "format": "date"}, "dt": {"type": "string", "format": "date-time"},
           "t": {"type": "string", "format": "time"}, "u": {"type": "string", "format": "uuid"},
           "ip": {"type": "string", "format": "ipv4"}}}
        """, """
        {"type": "array", "prefixItems": [{"type": "string", "minLength": 2}, {"enum": [null, true, -1.5e3, {"a": {}}]}],
         "items": {"type": "integer"}, "minItems": 1, "maxItems": 5}
        """, """
        {"type": "string", "pattern": "b[^c]*\\\\d[^a]", "minLength": 5, "maxLength": 12}
        """, """
        {"allOf": [{"type": "integer", "enum": [1, 2.0, "3", 4.5]}]}
        """, """
        {"type": "array", "items": {"type": "array", "items": {"type": ["string", "null", "boolean"]}}}
        """);

    @ParameterizedTest
    @FieldSource("SCHEMAS")
    void everyRandomTextIsValid(String schema) {
        Schema judge = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                .getSchema(schema, InputFormat.JSON);
        assertThat(errors(judge, "{\"neither\": \"is this\", \"d\": 1, \"way\": 1, \"a\": 1}"))
                .isNotEmpty();
        for (SampleVocabulary vocabulary : SampleVocabulary.ALL) {
            TokenConstraint constraint = vocabulary.compile(new Constraint.JsonSchema(schema));
            Random random = new Random(schema.hashCode());
            for (int i = 0; i < 40; i++) {
                String text = vocabulary.randomText(constraint, random);
                assertThat(errors(judge, text)).as(text).isEmpty();
            }
        }
    }

    private static List<Error> errors(Schema judge, String text) {
        return judge.validate(
                text,
                InputFormat.JSON,
                context -> context.executionConfig(config -> config.formatAssertionsEnabled(true)));
    }

    /// The judge knows which top-level domains there are; the browsers' rule does not.
    @Test
    void everyRandomAddressIsOne() {
        Pattern address =
                Pattern.compile("\"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
                        + "(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*\"");
        TokenConstraint constraint = SampleVocabulary.QWEN3.compile(
                new Constraint.JsonSchema("{\"type\": \"string\", \"format\": \"email\"}"));
        Random random = new Random(2);
        for (int i = 0; i < 100; i++) {
            assertThat(SampleVocabulary.QWEN3.randomText(constraint, random)).matches(address);
        }
        assertThat(accepts("{\"type\": \"string\", \"format\": \"email\"}", "\"first.last+tag@mail.example.org\""))
                .isTrue();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '→', quoteCharacter = '`', textBlock = """
        {"type": "string"}                                         → "" | "a\\"\\\\\\/\\b\\f\\n\\r\\t/é🙂" → a | "\\u0041" | "\t" | "
        {"type": "string", "minLength": 2, "maxLength": 2}         → "🙂\\n" | "ab"          → "a" | "abc" | "\\n"
        {"type": "string", "pattern": "b"}                         → "abc" | "b" | "b\\n"    → "a" | "ac" | ""
        {"type": "string", "pattern": "^[\\"\\\\\\\\]+$"}            → "\\"\\\\"             → "" | "a"
        {"type": "string", "pattern": "^\\u0001\\u001e$"}             → "\\u0001\\u001e"        → "" | "\\u0001" | "\\u001E\\u0001"
        {"type": "boolean"}                                        → true | false            → True | null
        {"type": "null"}                                           → null                    → true
        {"type": "integer"}                                        → 0 | -7 | 999999999999999 → -0 | 01 | 1.0 | 1e3 | 1000000000000000
        {"type": "number"}                                         → 0 | -0.5 | 1e5 | 2.5E-10 | 3e+1 → .5 | 1. | 00 | +1 | 1e100
        {"type": "integer", "minimum": 1e15, "maximum": 1000000000000000.5} → 1000000000000000 → 999999999999999 | 1000000000000001
        {"const": {"a": [1.50, null], "b": {}}}                    → {"a": [1.50, null], "b": {}} | {"a":[1.50,null],"b":{}} → {"b":{},"a":[1.50,null]} | {"a": [1.5, null], "b": {}}
        {"enum": ["é\\u0001/", 3]}                                 → "é\\u0001/" | 3        → "é" | 3.0
        {"type": "array", "items": {"type": "integer"}}            → [] | [1] | [1, 2,3]     → [1 ,2] | [ ] | [1,] | [1,  2]
        {"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 3} → [null,null] | [null, null, null] → [null] | [null,null,null,null]
        {"type": "array", "items": false, "prefixItems": [{"const": 1}, {"const": 2}]} → [] | [1] | [1, 2] → [2] | [1, 2, 3]
        {"type": "array", "items": {"const": 3}, "prefixItems": [{"const": 1}], "minItems": 1} → [1] | [1, 3] | [1, 3, 3] → [] | [3]
        {"type": "array", "items": {"const": 3}, "maxItems": 0}    → []                      → [3]
        {"type": "object", "properties": {}}                       → {}                      → {"a": 1}
        {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {"const": 3}}, "required": ["b"]} → {"b":2} | {"a": 1, "b": 2} | {"b": 2,"c": 3} | {"a":1,"b":2,"c":3} → {} | {"a": 1} | {"b": 2, "a": 1} | {"a": 1, "c": 3} | {"b": 2,} | {"b": 2, "b": 2}
        {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}} → {} | {"a":1} | {"b":2} | {"a": 1, "b": 2} → {,"b":2} | {"a":1 ,"b":2}
        {"anyOf": [{"const": 1}, {"type": "string", "maxLength": 1}]} → 1 | "x"               → "xx" | 2
        {"type": ["integer", "null"], "minimum": 5}                → 5 | null                → 4
        {"type": "string", "enum": ["a", 1, null]}                 → "a"                     → 1 | null
        {"type": "string", "format": "date"}                       → "2024-02-29" | "2000-02-29" | "1999-12-31" → "2023-02-29" | "1900-02-29" | "2023-04-31" | "0000-01-01" | "2023-13-01"
        {"type": "string", "format": "time"}                       → "23:59:59Z" | "00:00:00.5+01:30" → "24:00:00Z" | "12:00:00" | "12:00:60Z"
        {"type": "string", "format": "ipv4"}                       → "0.0.0.0" | "255.249.199.99" → "256.1.1.1" | "01.1.1.1" | "1.1.1"
        {"type": "string", "format": "ipv6"}                       → "::" | "2001:db8::1" | "1:2:3:4:5:6:7:8" → "1::2::3" | ":1" | "1:2:3:4:5:6:7" | "12345::"
        {"type": "string", "format": "hostname"}                   → "a" | "www.example-1.org" → "-a" | "a..b" | "a_b" | ""
        {"type": "string", "format": "uri"}                        → "https://example.org:80/a/b?c=d#e" | "urn:a:b" | "mailto:a@b.c" → "//a" | "a b" | "/a" | "http://a b"
        {"type": "string", "format": "duration"}                   → "P1D" | "PT5M" | "P1Y2M3DT4H5M6S" | "P2W" → "P" | "PT" | "1D" | "P1S" | "P1Y3D"
        {"type": "string", "format": "uuid4"}                      → "123e4567-e89b-42d3-a456-426614174000" → "123e4567-e89b-12d3-a456-426614174000" | "x"
        {"type": "string", "format": "json-pointer"}               → "" | "/a~1b/0" → "a" | "/~2"
        {"type": "string", "format": "password"}                   → "" | "anything"         → 1
        {"type": "string", "format": "path"}                       → "/a b"                  → 1
        {"type": "integer", "format": "int32"}                     → 1                       → 1.5
        {"type": "number", "format": "double", "example": 1, "x-y": {}, "readOnly": true} → 1.5 → "a"
        {"type": "string", "nullable": true}                       → null | "a"              → 1
        {"type": "string", "nullable": false, "uniqueItems": true} → "a"                     → null
        {"type": "string", "contentEncoding": "base64", "contentMediaType": "x", "contentSchema": {}} → "a" → 1
        {"$anchor": "a", "$id": "https://example.org/a", "$vocabulary": {}, "type": "null"} → null → 1
        {}                                                         → null | 1 | "a" | [1,{"a":[]}] | {"b": {}} → a | {1:2}
        true                                                       → null | [[[[[1]]]]]      → [[[[[[[1]]]]]]]
        {"properties": {"a": {"type": "integer"}}}                 → {} | {"a":1}            → {"a":"b"} | 1 | "a"
        {"type": "object"}                                         → {} | {"a":1,"b":[true]} → [] | {"a"}
        {"type": "object", "additionalProperties": {"type": "integer"}} → {} | {"a": 1,"\\n": 2} → {"a":"b"}
        {"type": "object", "properties": {"b": {"type": "null"}}, "required": ["b"], "additionalProperties": {"type": "integer"}} → {"b":null} | {"b": null, "a": 1,"c":2} → {"b":1} | {"a":1} | {"b":null,"b":1}
        {"type": "object", "properties": {"b": {"type": "null"}}, "additionalProperties": true} → {} | {"a": "x"} | {"b":null,"a":1} → {"b":1} | {"a":1,"b":2}
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "z"]} → {"a":1,"z":[]} → {"a":1} | {"z":1}
        {"type": "object", "patternProperties": {"^x": {"type": "string"}, "y$": {"maxLength": 1}}} → {} | {"x":"abc"} | {"xy":"a","xx":"bb"} | {"y": "a"} → {"xy":"ab"} | {"x":1} | {"a":1}
        {"type": "object", "properties": {"xa": {"maxLength": 2}}, "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": {"type": "null"}} → {"xa":"ab","xb":"abc","c":null} → {"xa":"abc"} | {"c":1}
        {"type": "object", "propertyNames": {"pattern": "^a", "maxLength": 2}, "additionalProperties": {"type": "null"}} → {} | {"a":null,"ab":null} → {"b":null} | {"abc":null}
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "properties": {"c": {"type": "null"}, "a": {"type": "null"}}} → {} | {"a":null} → {"c":null}
        {"type": "object", "propertyNames": {"minLength": 1, "maxLength": 0}, "additionalProperties": {"type": "null"}} → {} → {"a":null} | {"":null}
        {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "minProperties": 1} → {"a":null} | {"b":null} | {"a":null,"b":null} → {}
        {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}}, "maxProperties": 2, "required": ["c"]} → {"c":null} | {"a":null,"c":null} → {"a":null,"b":null,"c":null} | {"a":null,"b":null}
        {"type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": {"type": "null"}} → {"a":null} | {"a":null,"b":null} → {} | {"a":null,"b":null,"c":null}
        {"type": "object", "properties": {"a": false, "b": {"type": "null"}}} → {} | {"b":null} → {"a":1}
        {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"a": {"maximum": 5}, "b": {"type": "null"}}, "required": ["b"]}]} → {"a":5,"b":null} → {"a":6,"b":null} | {"a":1}
        {"allOf": [{"minimum": 3}, {"maximum": 5}, {"multipleOf": 2}], "type": "integer"} → 4 → 3 | 5 | 6
        {"$ref": "#/$defs/a", "minimum": 3, "$defs": {"a": {"type": "integer"}}} → 3 → 2 | 3.5
        {"$ref": "#b", "$defs": {"a": {"$anchor": "b", "type": "null"}}} → null              → 1
        {"$ref": "#b", "id": "x", "$defs": {"default": {"properties": {"enum": {"$anchor": "b", "type": "null"}}}, "const": {"const": {"$anchor": "b"}}}} → null → 1
        {"$ref": "https://e.org/b#c", "$defs": {"a": {"$id": "https://e.org/b", "items": {"$anchor": "c", "type": "null"}}}} → null → []
        {"$id": "https://e.org/a/b", "$ref": "c", "$defs": {"a": {"$id": "/a/c", "$ref": "#/$defs/d", "$defs": {"d": {"type": "null"}}}}} → null → []
        {"$ref": "#/definitions/a", "definitions": {"a": {"$id": "#a", "type": "null"}}} → null → 1
        {"type": "string", "anyOf": [{"maxLength": 2}, {"pattern": "^a"}]} → "bb" | "aaaa"   → "bbb" | 1
        {"type": "string", "enum": ["aa", "b", 1], "minLength": 2} → "aa"                    → "b" | 1
        {"enum": [1, 2, 3.5], "multipleOf": 0.5, "minimum": 2}     → 2 | 3.5                 → 1
        {"type": "string", "not": {"enum": ["a", "b"]}}            → "" | "c" | "ab"         → "a" | "b"
        {"type": "string", "not": {"pattern": "^a"}, "maxLength": 2} → "" | "ba"             → "a" | "bcd"
        {"type": "string", "not": {"minLength": 1, "maxLength": 0}} → "" | "b" | "bb"       → 1
        {"not": {"type": ["string", "object", "array"]}}           → 1 | null | true         → "a" | {} | []
        {"type": "integer", "not": {"const": 3}, "minimum": 2, "maximum": 4} → 2 | 4         → 3
        {"type": "object", "properties": {"a": {"type": "integer"}}, "not": {"required": ["a"]}} → {} → {"a":1}
        {"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": {"type": "null"}} → [] | [1,"a",null,null] → ["a"] | [1,"a",1]
        {"type": "array", "prefixItems": [{"type": "integer"}], "minItems": 2} → [1,[]] | [1,2] → [1] | [1,2,3]
        {"type": "array", "prefixItems": [{"type": "integer"}, false]} → [] | [1]            → [1,2]
        {"type": "array", "items": {"enum": ["a", "b", 1]}, "uniqueItems": true, "minItems": 1} → ["a"] | [1, "b","a"] → [] | ["a","a"] | ["a","b",1,1]
        {"type": "array", "items": {"type": "string"}, "uniqueItems": true, "maxItems": 1} → [] | ["a"] → ["a","b"]
        {"type": "array", "items": true, "maxItems": 1}            → [] | [{"a":1}]          → [1,2]
        {"type": "number", "multipleOf": 0.25, "minimum": 0}       → 0 | 0.5 | 10.75 | 3     → 0.3 | 1.125
        {"type": "number", "multipleOf": 0.3}                      → 0.3 | -0.6 | 3 | 1.2    → 0.4 | 1
        {"type": "integer", "multipleOf": 0.5}                     → 1 | 2                   → 0.5
        {"type": "number", "minimum": 0, "exclusiveMinimum": true} → 0.5                     → 0 | -1
        {"type": "integer", "minimum": 0, "maximum": 1e2147483647} → 0 | 12                  → -1
        {"type": "number", "maximum": 1.7976931348623157e308, "minimum": 1e-2000000000} → 1  → 0 | -1
        {"type": "integer", "minimum": 1e2, "maximum": 2E+2}       → 100 | 200               → 99 | 201
        {"name": "review", "strict": true, "schema": {"type": "null"}} → null                → 1
        {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}}} → null → 1
        {"type": "object", "properties": {"schema": {"type": "null"}}} → {"schema":null}     → null
        """)
    void acceptsValidTextsAndNoOthers(String schema, String valid, String others) {
        assertThat(valid.split(" \\| ")).allMatch(text -> accepts(schema, text));
        assertThat(others.split(" \\| ")).noneMatch(text -> accepts(schema, text));
    }

    private static ByteAutomaton compile(String schema) {
        return JsonSchemaCompiler.compile(schema, Constraint.JsonSchema.DEFAULT_DEPTH);
    }

    private static boolean accepts(String schema, String text) {
        return compile(schema).accepts(text);
    }

    @Test
    void holdsIntegersToTheirBounds() {
        Random random = new Random(8);
        for (int i = 0; i < 100; i++) {
            int lowest = random.nextInt(-1_500, 1_500);
            int highest = lowest + random.nextInt(1 + random.nextInt(1_500));
            boolean inclusive = random.nextBoolean() || highest < lowest + 2;
            int step = inclusive ? 1 : 1 + random.nextInt(3);
            String schema = "{\"type\": \"integer\", \"%s\": %d, \"%s\": %d.0, \"multipleOf\": %d}"
                    .formatted(
                            inclusive ? "minimum" : "exclusiveMinimum",
                            lowest,
                            inclusive ? "maximum" : "exclusiveMaximum",
                            highest,
                            step);
            int first = inclusive ? lowest : lowest + 1;
            int last = inclusive ? highest : highest - 1;
            if (IntStream.rangeClosed(first, last).noneMatch(n -> n % step == 0)) {
                continue;
            }
            ByteAutomaton integers = compile(schema);
            for (int n = -3_100; n <= 3_100; n++) {
                assertThat(integers.accepts(Integer.toString(n)))
                        .as("%d by %s", n, schema)
                        .isEqualTo(first <= n && n <= last && n % step == 0);
            }
        }
    }

    @Test
    void holdsNumbersToTheirBounds() {
        Random random = new Random(9);
        for (int i = 0; i < 60; i++) {
            BigDecimal lowest = BigDecimal.valueOf(random.nextInt(-3_000, 3_000), random.nextInt(4));
            BigDecimal highest = lowest.add(BigDecimal.valueOf(1 + random.nextInt(4_000), random.nextInt(4)));
            boolean above = random.nextBoolean();
            boolean below = random.nextBoolean();
            String schema = "{\"type\": \"number\", \"%s\": %s, \"%s\": %s}"
                    .formatted(
                            above ? "exclusiveMinimum" : "minimum",
                            lowest,
                            below ? "exclusiveMaximum" : "maximum",
                            highest);
            ByteAutomaton numbers = compile(schema);
            for (int n = 0; n < 3_000; n++) {
                BigDecimal number = n % 3 == 0
                        ? BigDecimal.valueOf(random.nextInt(-8_000, 8_000), random.nextInt(4))
                        : (n % 3 == 1 ? lowest : highest)
                                .setScale(4)
                                .add(BigDecimal.valueOf(random.nextInt(-20, 20), 4))
                                .setScale(4 + random.nextInt(2));
                boolean within = (above ? number.compareTo(lowest) > 0 : number.compareTo(lowest) >= 0)
                        && (below ? number.compareTo(highest) < 0 : number.compareTo(highest) <= 0);
                assertThat(numbers.accepts(number.toPlainString()))
                        .as("%s by %s", number.toPlainString(), schema)
                        .isEqualTo(within);
            }
        }
    }

    /// A reader that rounds to a double must not find the bound itself.
    @Test
    void numbersNearAnExclusiveBoundStayOffItAsDoubles() {
        String schema = "{\"type\": \"number\", \"exclusiveMaximum\": 1000000}";
        assertThat(accepts(schema, "999999.99999999")).isTrue();
        assertThat(accepts(schema, "999999.9999999999999")).isFalse();
        assertThat(Double.parseDouble("999999.99999999")).isLessThan(1_000_000);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '→', quoteCharacter = '`', textBlock = """
        false                                                   → #: can never be met: false allows nothing
                [1]                                                     → #: expected a schema, which is a JSON object
                {"type": "array", "prefixItems": []}                    → #/prefixItems: expected a list that is not empty
                {"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 1} → #: can never be met: maxItems is less than minItems
                {"type": "object", "properties": {"a": {"type": "null"}}, "required": "a"} → #/required: expected a list
                {"type": "object", "properties": {"a": {"type": "null"}}, "required": [1]} → #/required: expected a list of strings
                {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": 3} → #/additionalProperties: expected a schema, which is a JSON object
                {"type": "object", "properties": [1]}                   → #/properties: expected a JSON object
                {"type": "strin"}                                       → #/type: there is no type "strin"
                {"type": ["string", "any"]}                             → #/type: there is no type "any"
                {"type": []}                                            → #/type: can never be met: the list is empty
                {"type": 3}                                             → #/type: expected a list
                {"type": "string", "pattern": "a(?>b)"}                 → #/pattern: atomic group (?>…) at position 1 is not supported; a pattern may have groups, classes, alternatives, quantifiers and look-around
                {"type": "string", "pattern": 3}                        → #/pattern: expected a string
                {"type": "string", "pattern": "^a$", "minLength": 2}    → #: can never be met: no value is allowed
                {"type": "string", "minLength": 3, "maxLength": 2}      → #: can never be met: maxLength is less than minLength
                {"type": "string", "minLength": -1}                     → #/minLength: expected a whole number, 0 or more
                {"type": "string", "maxLength": 1.5}                    → #/maxLength: expected a whole number, 0 or more
                {"type": "string", "maxLength": "3"}                    → #/maxLength: expected a number
                {"type": "integer", "minimum": 2, "maximum": 1}         → #: can never be met: no value is allowed
                {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2} → #: can never be met: no value is allowed
                {"type": "integer", "exclusiveMinimum": true}           → #/exclusiveMinimum: expected a number
                {"enum": []}                                            → #/enum: expected a list that is not empty
                {"const": "\\ud800"}                                    → #: the text has half a surrogate pair, which has no UTF-8
                {"anyOf": []}                                           → #/anyOf: expected a list that is not empty
                {"$ref": "#/$defs/n"}                                   → #/$ref: there is no #/$defs/n
                {"$ref": "#/$defs/%zz"}                                 → #/$ref: "#/$defs/%zz" is no JSON pointer
                {"type": "null", "type": "null"}                        → malformed JSON at line 1, column 24: Duplicate field 'type'
                {"type": "null"} x                                      → malformed JSON at line 1, column 18: Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')
                ``                                                      → empty
                {"type": "array", "items": {"type": "integer"}, "uniqueItems": true} → #: uniqueItems is supported only for the values of an enum; leave it out, and look for equal items afterwards
                {"type": "array", "items": {"type": "null"}, "contains": {"type": "null"}} → #: contains is not supported; describe the items with prefixItems and items
                {"type": "array", "items": {"type": "null"}, "unevaluatedItems": false} → #: unevaluatedItems is not supported; write items beside prefixItems
                {"type": "object", "properties": {"a": {"type": "null"}}, "unevaluatedProperties": false} → #: unevaluatedProperties is not supported; write additionalProperties beside all the properties
                {"type": "object", "properties": {"a": {"type": "null"}}, "dependentRequired": {}} → #: dependentRequired is not supported; write one schema for each case, and join them with anyOf
                {"if": {"const": 1}, "type": "integer"}                 → #: if is not supported; write one schema for each case, and join them with anyOf
                {"anyOf": [{"type": "null"}, {"dependentSchemas": {}}]} → #/anyOf/1: dependentSchemas is not supported; write one schema for each case, and join them with anyOf
                {"$dynamicRef": "#n"}                                   → #: $dynamicRef is not supported; use $ref
                {"type": "string", "minlength": 1}                      → #: there is no keyword minlength; an annotation may be named x-minlength
                {"type": "string", "format": 1}                         → #/format: expected a string
                {"type": "object", "minProperties": 2}                  → #: minProperties of 2 is not supported where only 0 properties have names: keys may repeat; name the properties
                {"type": "object", "minProperties": 2, "maxProperties": 1} → #: can never be met: maxProperties is less than minProperties
                {"type": "object", "required": ["b"], "propertyNames": {"pattern": "^a"}} → #: can never be met: propertyNames does not allow b, which is required
                {"type": "object", "properties": {"a": false}, "required": ["a"]} → #/properties/a: can never be met: false allows nothing
                {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["a"]} → #/properties/a: can never be met: no value is allowed
                {"type": "object", "properties": {"a/b~c": {"type": "string", "then": {}}}, "required": ["a/b~c"]} → #/properties/a~1b~0c: then is not supported; write one schema for each case, and join them with anyOf
                {"type": "string", "minLength": 2e9}                    → #/minLength: too large: more than 1,000,000,000
                {"type": "integer", "minimum": 1e40}                    → #: too large: a bound of a number has more than 30 digits before the point
                {"type": "integer", "minimum": 1e2147483647}            → #: too large: a bound of a number has more than 30 digits before the point
                {"type": "integer", "multipleOf": 0}                    → #/multipleOf: not supported; numbers above 0 are that are, without their point, at most 1,000
                {"type": "integer", "multipleOf": 2000}                 → #/multipleOf: not supported; numbers above 0 are that are, without their point, at most 1,000
                {"type": "number", "multipleOf": 1e2147483647}          → #/multipleOf: not supported; numbers above 0 are that are, without their point, at most 1,000
                {"enum": [1, 2], "type": "string"}                      → #: can never be met: no value is allowed
                {"enum": [1, 2], "minimum": 3}                          → #: can never be met: no value is allowed
                {"anyOf": [{"type": "null"}], "type": "object"}         → #: can never be met: no value is allowed
                {"oneOf": [{"const": 1}, {"const": 1.0}]}               → #: can never be met: no value is allowed
                {"not": {}}                                             → #: can never be met: no value is allowed
                {"not": {"const": [1]}, "type": "array"}                → #/not: all arrays but some of a list is not supported
                {"not": {"type": "array", "items": {"type": "null"}}}   → #/not: all arrays but some whose items are described is not supported
                {"$ref": "#"}                                           → #: leads back to itself by $ref with no property or item between
                {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}} → #/$defs/a: leads back to itself by $ref with no property or item between
                {"type": "object", "properties": {"n": {"$ref": "#"}}, "required": ["n"]} → #/properties/n: can never be met: every value nests deeper than --schema-depth, which is 5; raise it, or let the schema end without itself
                {"$ref": "other.json"}                                  → #/$ref: "other.json" is not in this document, and nothing is fetched; copy that schema into $defs, and refer to it like #/$defs/address
                {"$ref": "#n", "$defs": {"n": {"$anchor": "m", "type": "null"}}} → #/$ref: there is no $anchor n
                {"$ref": "#/$defs/n", "nullable": true, "$defs": {"n": {"type": "string"}}} → #: nullable without a type beside it says nothing; write anyOf with {"type": "null"}
                {"type": "string", "nullable": 1}                       → #/nullable: expected true or false
                {"type": "array", "items": [{"type": "null"}], "prefixItems": [{"type": "null"}]} → #/items: a list beside prefixItems; leave one of them out
        """)
    void refusesWhatItCannotHoldAndSaysWhere(String schema, String message) {
        assertThatThrownBy(() -> compile(schema))
                .isInstanceOf(RefusedConstraint.class)
                .hasMessage(message);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'type': 'null'}, {'type': 'string'}",
                "{'const': 1}, {'const': 2}, {'enum': [3, '1', null]}",
                "{'type': 'object', 'properties': {'k': {'const': 1}}, 'required': ['k']}, "
                        + "{'type': 'object', 'properties': {'k': {'type': 'string'}}}",
                "{'type': 'object', 'properties': {'k': {'type': 'null'}}, 'required': ['k']}, "
                        + "{'type': 'object', 'properties': {'l': {'type': 'null'}}, 'additionalProperties': false}",
                "{'anyOf': [{'type': 'null'}, {'type': 'boolean'}]}, {'allOf': [{'type': 'integer'}]}"
            })
    void oneOfTakesBranchesThatCannotOverlap(String branches) {
        assertThat(compile("{\"oneOf\": [%s], \"discriminator\": {\"propertyName\": \"k\"}}"
                                .formatted(branches.replace('\'', '"')))
                        .states())
                .isPositive();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '→', quoteCharacter = '`', textBlock = """
        {"type": "integer"}, {"type": "number"}                    → 1.5 | -0.25             → 1 | 2.0 | "a"
        {"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "b$"} → "a" | "xb" | "aa" → "ab" | "x"
        {"const": "a"}, {"type": "string"}                         → "b" | "aa" | ""         → "a"
        {"enum": [1, 2, "x"]}, {"enum": [2, "x", 3]}               → 1 | 3                   → 2 | "x"
        {"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 10} → -1 | 11      → 0 | 5 | 10
        {"type": "integer"}, {"type": "number", "not": {"maximum": -1, "type": "integer"}} → -1 | -5 | 0.5 → 0 | 7
        {"type": "string", "maxLength": 3}, {"type": "string", "minLength": 2} → "a" | "abcd" → "ab" | "abc"
        {"type": "string"}, {"type": "string", "minLength": 1, "maxLength": 0} → "" | "b" | "bb" → 1
        {"type": "object", "properties": {"k": {"const": 1}}}, {"type": "object", "properties": {"k": {"const": 2}}} → {"k": 1} | {"k":2} → {} | {"k":3}
        {"type": "object", "properties": {"k": {"type": "null"}}, "required": ["k"]}, {"type": "object", "properties": {"l": {"type": "null"}}, "required": ["l"]} → {"k": null} | {"l": null} → {"k":null,"l":null} | {}
        {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": false}, {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "additionalProperties": false} → {"b":null} | {"a":null,"b":null} → {} | {"a":null}
        """)
    void oneOfLeavesOutWhatTwoBranchesAllow(String branches, String valid, String others) {
        String schema = "{\"oneOf\": [%s]}".formatted(branches);
        assertThat(valid.split(" \\| ")).allMatch(text -> accepts(schema, text));
        assertThat(others.split(" \\| ")).noneMatch(text -> accepts(schema, text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'const': {'a': 1}}, {'type': 'object', 'properties': {'a': {'type': 'integer'}}}",
                "{'type': 'array', 'items': {'type': 'integer'}}, {'type': 'array', 'items': {'type': 'number'}}"
            })
    void oneOfRefusesBranchesWhoseOverlapCannotBeTold(String branches) {
        assertThatThrownBy(() -> compile("{\"oneOf\": [%s]}".formatted(branches.replace('\'', '"'))))
                .hasMessage("#/oneOf/1: may allow the same values as #/oneOf/0, which oneOf forbids; use anyOf, or a "
                        + "required property whose const tells them apart");
    }

    @Test
    void refusesWhatIsTooLarge() {
        StringBuilder doubling = new StringBuilder("{\"$ref\": \"#/$defs/d0\", \"$defs\": {");
        for (int i = 0; i < 40; i++) {
            doubling.append(
                    "\"d%d\": {\"type\": \"array\", \"prefixItems\": [{\"$ref\": \"#/$defs/d%d\"}, {\"$ref\": \"#/$defs/d%d\"}]},"
                            .formatted(i, i + 1, i + 1));
        }
        doubling.append("\"d40\": {\"type\": \"number\"}}}");
        assertThatThrownBy(() -> compile(doubling.toString())).hasMessageContaining("too large");
        assertThatThrownBy(
                        () -> compile("{\"type\": \"array\", \"maxItems\": 40000, \"items\": {\"type\": \"number\"}}"))
                .hasMessageContaining("#: too large");
        assertThatThrownBy(() -> compile("[".repeat(200))).hasMessageStartingWith("malformed JSON");
        assertThatThrownBy(() -> compile("[".repeat(10_000)))
                .hasMessageStartingWith("too large: Document nesting depth");
    }
}
