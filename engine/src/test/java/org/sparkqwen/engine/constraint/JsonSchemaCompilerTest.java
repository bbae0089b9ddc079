package org.sparkqwen.engine.constraint;

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
        {"type": "string", "pattern": "b.*\\\\s[^a]", "minLength": 5, "maxLength": 12}
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
        """)
    void acceptsValidTextsAndNoOthers(String schema, String valid, String others) {
        assertThat(valid.split(" \\| ")).allMatch(text -> accepts(schema, text));
        assertThat(others.split(" \\| ")).noneMatch(text -> accepts(schema, text));
    }

    private static boolean accepts(String schema, String text) {
        return JsonSchemaCompiler.compile(schema).accepts(text);
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
            ByteAutomaton integers = JsonSchemaCompiler.compile(schema);
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
            ByteAutomaton numbers = JsonSchemaCompiler.compile(schema);
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

    /// So that a reader who rounds to a double does not find the bound itself.
    @Test
    void numbersNearAnExclusiveBoundStayOffItAsDoubles() {
        String schema = "{\"type\": \"number\", \"exclusiveMaximum\": 1000000}";
        assertThat(accepts(schema, "999999.99999999")).isTrue();
        assertThat(accepts(schema, "999999.9999999999999")).isFalse();
        assertThat(Double.parseDouble("999999.99999999")).isLessThan(1_000_000);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '→', quoteCharacter = '`', textBlock = """
        true                                                    → #: true allows anything, which is not supported; give a type
        false                                                   → #: can never be met: false allows nothing
        [1]                                                     → #: expected a schema, which is a JSON object
        {}                                                      → #: has no type; give a type, enum, const, $ref, anyOf or oneOf
        {"minimum": 1}                                          → #: has no type; give a type, enum, const, $ref, anyOf or oneOf
        {"not": {"type": "null"}}                               → #: not is not supported
        {"if": {"const": 1}, "type": "integer"}                 → #: if is not supported for type integer
        {"type": "object"}                                      → #: an object without properties is not supported; give its properties
        {"type": "array"}                                       → #: an array without items is not supported; give items or prefixItems
        {"type": "array", "items": {}}                          → #/items: has no type; give a type, enum, const, $ref, anyOf or oneOf
        {"type": "array", "items": true}                        → #/items: true allows anything, which is not supported; give a type
        {"type": "array", "items": [{"type": "null"}]}          → #/items: a list is not supported; use prefixItems
        {"type": "array", "items": {"type": "null"}, "uniqueItems": true} → #: uniqueItems is not supported for type array
        {"type": "array", "items": {"type": "null"}, "contains": {"type": "null"}} → #: contains is not supported for type array
        {"type": "array", "items": {"type": "null"}, "unevaluatedItems": false} → #: unevaluatedItems is not supported for type array
        {"type": "array", "prefixItems": []}                    → #/prefixItems: expected a list that is not empty
        {"type": "array", "prefixItems": [{"type": "null"}], "minItems": 2} → #: can never be met: minItems is 2, and only the 1 items of prefixItems are described
        {"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 1} → #: can never be met: maxItems is less than minItems
        {"type": "object", "properties": {"a": {"type": "null"}}, "patternProperties": {}} → #: patternProperties is not supported for type object
        {"type": "object", "properties": {"a": {"type": "null"}}, "minProperties": 1} → #: minProperties is not supported for type object
        {"type": "object", "properties": {"a": {"type": "null"}}, "propertyNames": {}} → #: propertyNames is not supported for type object
        {"type": "object", "properties": {"a": {"type": "null"}}, "dependentRequired": {}} → #: dependentRequired is not supported for type object
        {"type": "object", "properties": {"a": {"type": "null"}}, "unevaluatedProperties": false} → #: unevaluatedProperties is not supported for type object
        {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["b"]} → #/required: b is not among the properties
        {"type": "object", "properties": {"a": {"type": "null"}}, "required": "a"} → #/required: expected a list
        {"type": "object", "properties": {"a": {"type": "null"}}, "required": [1]} → #/required: expected a list of strings
        {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": 3} → #/additionalProperties: expected a schema, which is a JSON object
        {"type": "object", "properties": [1]}                   → #/properties: expected a JSON object
        {"type": "object", "properties": {"a": {"type": "string", "minimum": 1}}} → #/properties/a: minimum is not supported for type string
        {"type": "object", "properties": {"a/b~c": {"type": "string", "contentEncoding": "x"}}} → #/properties/a~1b~0c: contentEncoding is not supported for type string
        {"type": "strin"}                                       → #/type: there is no type "strin"
        {"type": ["string", "any"]}                             → #/type: there is no type "any"
        {"type": []}                                            → #/type: can never be met: the list is empty
        {"type": 3}                                             → #/type: expected a list
        {"type": "string", "pattern": "a(?=b)"}                 → #/pattern: look-ahead (?=…) at position 1 is not supported; a pattern may have groups, classes, alternatives and quantifiers
        {"type": "string", "pattern": 3}                        → #/pattern: expected a string
        {"type": "string", "pattern": "^a$", "minLength": 2}    → #: can never be met: no value is allowed
        {"type": "string", "minLength": 3, "maxLength": 2}      → #: can never be met: maxLength is less than minLength
        {"type": "string", "minLength": -1}                     → #/minLength: expected a whole number, 0 or more
        {"type": "string", "maxLength": 1.5}                    → #/maxLength: expected a whole number, 0 or more
        {"type": "string", "maxLength": "3"}                    → #/maxLength: expected a number
        {"type": "string", "maxLength": 2e9}                    → #/maxLength: too large: more than 1,000,000,000
        {"type": "string", "format": "hostname"}                → #/format: the format "hostname" is not supported; date, date-time, email, ipv4, time, uuid are
        {"type": "integer", "minimum": 2, "maximum": 1}         → #: can never be met: no value is allowed
        {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2} → #: can never be met: no value is allowed
        {"type": "integer", "exclusiveMinimum": true}           → #/exclusiveMinimum: expected a number
        {"type": "number", "maximum": 1e40}                     → #/maximum: more than 30 digits before or after the point
        {"type": "number", "minimum": 1e-2000000000}            → #/minimum: more than 30 digits before or after the point
        {"type": "number", "multipleOf": 0.3}                   → #/multipleOf: not supported; whole numbers up to 1,000, 0.1, 0.01 and so on are
        {"type": "integer", "multipleOf": 0}                    → #/multipleOf: not supported; whole numbers up to 1,000, 0.1, 0.01 and so on are
        {"type": "integer", "multipleOf": 2000}                 → #/multipleOf: not supported; whole numbers up to 1,000, 0.1, 0.01 and so on are
        {"enum": []}                                            → #/enum: expected a list that is not empty
        {"enum": [1, 2], "type": "string"}                      → #: can never be met: no value is of type string
        {"enum": [1, 2], "minimum": 2}                          → #: minimum beside enum is not supported
        {"const": "\\ud800"}                                    → #: the text has half a surrogate pair, which has no UTF-8
        {"anyOf": [{"type": "null"}], "type": "object"}         → #: type beside anyOf is not supported
        {"anyOf": []}                                           → #/anyOf: expected a list that is not empty
        {"anyOf": [{"type": "null"}, {"dependentSchemas": {}}]} → #/anyOf/1: dependentSchemas is not supported
        {"allOf": [{"type": "null"}, {"type": "null"}]}         → #: allOf of more than one schema is not supported; write one schema that says all
        {"$ref": "#"}                                           → #/$ref: # leads back to itself, which is not supported: a regular automaton cannot nest without bound
        {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}} → #/$defs/n/properties/next/$ref: #/$defs/n leads back to itself, which is not supported: a regular automaton cannot nest without bound
        {"$ref": "#/$defs/n"}                                   → #/$ref: there is no #/$defs/n
        {"$ref": "other.json"}                                  → #/$ref: "other.json" is not supported; a $ref may name a place in this schema, like #/$defs/address
        {"$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "null"}}} → #/$ref: "#n" is not supported; a $ref may name a place in this schema, like #/$defs/address
        {"$ref": "#/$defs/%zz"}                                 → #/$ref: "#/$defs/%zz" is no JSON pointer
        {"$ref": "#/$defs/n", "type": "null", "$defs": {"n": {"type": "null"}}} → #: type beside $ref is not supported
        {"$dynamicRef": "#n"}                                   → #: $dynamicRef is not supported
        {"type": "array", "items": {"$id": "x", "type": "null"}} → #/items: $id is not supported for type null
        {"type": "null", "type": "null"}                        → malformed JSON at line 1, column 24: Duplicate field 'type'
        {"type": "null"} x                                      → malformed JSON at line 1, column 18: Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')
        ``                                                      → empty
        """)
    void refusesWhatItCannotHoldAndSaysWhere(String schema, String message) {
        assertThatThrownBy(() -> JsonSchemaCompiler.compile(schema))
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
        assertThat(JsonSchemaCompiler.compile("{\"oneOf\": [%s], \"discriminator\": {\"propertyName\": \"k\"}}"
                                .formatted(branches.replace('\'', '"')))
                        .states())
                .isPositive();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'type': 'integer'}, {'type': 'number'}",
                "{'const': 1}, {'const': 1.0}",
                "{'const': {'a': 1}}, {'const': {'a': 1.0}}",
                "{'type': 'string', 'pattern': '^a'}, {'type': 'string', 'pattern': '^b'}",
                "{'type': 'object', 'properties': {'k': {'const': 1}}}, {'type': 'object', 'properties': {'k':"
                        + " {'const': 2}}}",
                "{'type': 'object', 'properties': {'k': {'type': 'null'}}, 'required': ['k']}, "
                        + "{'type': 'object', 'properties': {'l': {'type': 'null'}}, 'required': ['l']}",
                "{'const': 'a'}, {'type': 'string'}"
            })
    void oneOfRefusesBranchesThatMayOverlap(String branches) {
        assertThatThrownBy(() -> JsonSchemaCompiler.compile("{\"oneOf\": [%s]}".formatted(branches.replace('\'', '"'))))
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
        assertThatThrownBy(() -> JsonSchemaCompiler.compile(doubling.toString()))
                .hasMessageContaining("too large");
        assertThatThrownBy(() -> JsonSchemaCompiler.compile(
                        "{\"type\": \"array\", \"maxItems\": 40000, \"items\": {\"type\": \"number\"}}"))
                .hasMessageContaining("#: too large");
        assertThatThrownBy(() -> JsonSchemaCompiler.compile("[".repeat(200))).hasMessageStartingWith("malformed JSON");
    }
}
