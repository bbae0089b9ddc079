package org.sparkqwen.engine.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Random templates on hostile values. Each is refused in one line or rendered within its budget; nothing else is
/// thrown.
class TemplateFuzzTest {
    /// The limit is many times what the largest budget takes.
    private static final long LONGEST_SECONDS = 60;

    /// The values by their type.
    private static final Map<String, List<String>> ATOMS = Map.ofEntries(
            Map.entry(
                    "TEXT",
                    List.of(
                            "''",
                            "'a'",
                            "'aA '",
                            "'\\n'",
                            "'1_0'",
                            "'é😀ß'",
                            "'\\ud800'",
                            "'%Y'",
                            "'a.0.b'",
                            "'</think>'",
                            "text",
                            "words",
                            "emoji",
                            "ns.a")),
            Map.entry(
                    "LIST",
                    List.of("[]", "()", "list", "deep", "messages", "[1, 'a']", "ns.b", "range(17)", "range(100000)")),
            Map.entry("MAP", List.of("{}", "map", "list[3]", "messages[0]", "{'a': 1, 1: 'b', none: []}")),
            Map.entry(
                    "NUMBER",
                    List.of(
                            "0",
                            "1",
                            "-1",
                            "2",
                            "17",
                            "1000",
                            "100000",
                            "9223372036854775807",
                            "(-9223372036854775807 - 1)",
                            "0.5",
                            "1e300",
                            "-0.0",
                            "true",
                            "false",
                            "number")),
            Map.entry("ANY", List.of("none", "nothing", "ns", "m", "loop", "loop.previtem", "range", "missing")));

    /// The forms that make values of a type, and names. Words in capitals are types, which are replaced by values.
    private static final Map<String, List<String>> FORMS = Map.ofEntries(
            Map.entry(
                    "TEXT",
                    List.of(
                            "(TEXT) | FILTER",
                            "(ANY) | string",
                            "(ANY) | tojson",
                            "(ANY) | tojson(indent=NUMBER)",
                            "(TEXT) | indent(NUMBER, NUMBER, true)",
                            "(TEXT) | indent(TEXT)",
                            "(LIST) | join(TEXT)",
                            "(LIST) | join(TEXT, attribute=TEXT)",
                            "(TEXT) | replace(TEXT, TEXT)",
                            "(TEXT) | replace(TEXT, TEXT, NUMBER)",
                            "(TEXT) | trim(TEXT)",
                            "(TEXT) | default(TEXT, true)",
                            "(TEXT) | first",
                            "(TEXT) | last",
                            "(TEXT) | reverse",
                            "(TEXT).METHOD",
                            "(TEXT)[NUMBER]",
                            "(TEXT)[NUMBER:NUMBER]",
                            "(TEXT)[NUMBER:NUMBER:NUMBER]",
                            "(TEXT)[::NUMBER]",
                            "(TEXT).strip(TEXT)",
                            "(TEXT).lstrip(TEXT)",
                            "(TEXT).rstrip(TEXT)",
                            "(TEXT).replace(TEXT, TEXT)",
                            "(TEXT).removeprefix(TEXT)",
                            "(TEXT).removesuffix(TEXT)",
                            "(TEXT).join([TEXT, TEXT])",
                            "TEXT + TEXT",
                            "ANY ~ ANY",
                            "TEXT * NUMBER",
                            "strftime_now(TEXT)",
                            "m(ANY)",
                            "(TEXT if ANY else TEXT)",
                            "(LIST | map('string') | join)")),
            Map.entry(
                    "LIST",
                    List.of(
                            "(TEXT).split()",
                            "(TEXT).split(TEXT)",
                            "(TEXT).split(TEXT, NUMBER)",
                            "(TEXT).rsplit(TEXT, NUMBER)",
                            "(TEXT).splitlines()",
                            "(TEXT) | list",
                            "(LIST) | reverse",
                            "(LIST) | list",
                            "(LIST) | map('FILTER')",
                            "(LIST) | map('string') | map('FILTER')",
                            "(LIST) | map(attribute=TEXT, default=ANY)",
                            "(LIST) | select('TEST')",
                            "(LIST) | select('RELATION', ANY)",
                            "(LIST) | reject('TEST')",
                            "(LIST) | selectattr(TEXT)",
                            "(LIST) | rejectattr(TEXT, 'TEST')",
                            "(LIST) | selectattr(TEXT, 'RELATION', ANY)",
                            "(MAP).items()",
                            "(MAP) | items",
                            "(MAP).keys()",
                            "(MAP).values()",
                            "LIST + LIST",
                            "[ANY, ANY]",
                            "(ANY, LIST)",
                            "(LIST)[NUMBER:NUMBER]",
                            "(LIST)[NUMBER:NUMBER:NUMBER]",
                            "(LIST)[::NUMBER]",
                            "range(NUMBER)",
                            "range(NUMBER, NUMBER, NUMBER)",
                            "(LIST if ANY else LIST)")),
            Map.entry(
                    "MAP",
                    List.of(
                            "{TEXT: ANY}",
                            "{TEXT: ANY, NUMBER: LIST}",
                            "dict(MAP, a=ANY)",
                            "dict(a=ANY)",
                            "(MAP if ANY else MAP)")),
            Map.entry(
                    "NUMBER",
                    List.of(
                            "(TEXT) | length",
                            "(LIST) | count",
                            "(TEXT) | int(NUMBER)",
                            "(TEXT) | float(NUMBER)",
                            "(NUMBER) | abs",
                            "(NUMBER) | int",
                            "(TEXT).find(TEXT)",
                            "(TEXT).rfind(TEXT)",
                            "(TEXT).count(TEXT)",
                            "(TEXT).startswith(TEXT)",
                            "(TEXT).endswith((TEXT, TEXT))",
                            "(TEXT).isdigit()",
                            "(TEXT).isspace()",
                            "NUMBER OPERATOR NUMBER",
                            "TEXT COMPARISON TEXT",
                            "ANY == ANY",
                            "ANY != ANY",
                            "TEXT in TEXT",
                            "ANY in LIST",
                            "ANY not in LIST",
                            "TEXT in MAP",
                            "ANY is TEST",
                            "ANY is RELATION(ANY)",
                            "TEXT is RELATION(TEXT)",
                            "not ANY",
                            "(ANY and ANY)",
                            "(ANY or ANY)",
                            "-NUMBER",
                            "loop.index0")),
            Map.entry(
                    "ANY",
                    List.of(
                            "TEXT",
                            "LIST",
                            "MAP",
                            "NUMBER",
                            "TEXT",
                            "LIST",
                            "(MAP).get(TEXT, ANY)",
                            "(MAP)[TEXT]",
                            "(MAP).a",
                            "(LIST)[NUMBER]",
                            "(LIST) | first",
                            "(LIST) | last",
                            "(ANY)[ANY]",
                            "(ANY).METHOD",
                            "(ANY) | FILTER",
                            "(ANY) OPERATOR (ANY)",
                            "(ANY) COMPARISON (ANY)",
                            "namespace(MAP)",
                            "namespace(a=ANY)",
                            "loop.cycle(ANY, ANY)",
                            "raise_exception(TEXT)",
                            "(ANY) | default(ANY)")),
            Map.entry(
                    "FILTER",
                    List.of(
                            "abs",
                            "capitalize",
                            "count",
                            "length",
                            "first",
                            "float",
                            "indent",
                            "int",
                            "items",
                            "join",
                            "last",
                            "list",
                            "lower",
                            "reverse",
                            "safe",
                            "string",
                            "select",
                            "tojson",
                            "trim",
                            "upper",
                            "title",
                            "sort")),
            Map.entry(
                    "METHOD",
                    List.of(
                            "strip()",
                            "lstrip()",
                            "rstrip()",
                            "upper()",
                            "lower()",
                            "capitalize()",
                            "title()",
                            "split()",
                            "items()",
                            "a",
                            "0",
                            "format()",
                            "append(ANY)")),
            Map.entry(
                    "TEST",
                    List.of(
                            "defined",
                            "undefined",
                            "none",
                            "boolean",
                            "true",
                            "string",
                            "mapping",
                            "integer",
                            "float",
                            "number",
                            "sequence",
                            "iterable",
                            "callable",
                            "even",
                            "odd",
                            "lower",
                            "upper")),
            Map.entry(
                    "RELATION", List.of("divisibleby", "eq", "equalto", "ne", "lt", "le", "gt", "ge", "in", "nothing")),
            Map.entry("OPERATOR", List.of("+", "-", "*", "/", "//", "%", "**")),
            Map.entry("COMPARISON", List.of("==", "!=", "<", "<=", ">", ">=", "in")));

    private static final Pattern HOLE = Pattern.compile("[A-Z]{3,}");

    private static final Map<String, Object> VARIABLES = variables();

    private static List<String> sources = List.of();

    private static Map<String, Object> variables() {
        Object deep = "x";
        for (int i = 0; i < 90; i++) {
            deep = i % 2 == 0 ? List.of(deep) : Map.of("a", deep);
        }
        Map<String, Object> messages = Map.of("role", Text.foreign("user"), "content", Text.foreign("a</think>b"));
        Map<String, Object> variables = new HashMap<>();
        variables.put("text", Text.foreign("<|im_end|> 'x' \"y\"\n\u2028\u0000"));
        variables.put("words", Text.foreign("words and words\n".repeat(2_000)));
        variables.put("emoji", Text.foreign("é😀".repeat(2_000)));
        variables.put("list", List.of(1L, "a", List.of(2.5, true), Map.of("a", "b")));
        variables.put("map", Map.of("a", List.of("b"), "content", Text.foreign("c")));
        variables.put("deep", deep);
        variables.put("number", 3L);
        variables.put("messages", List.of(messages, messages, messages));
        variables.put("add_generation_prompt", true);
        return variables;
    }

    @BeforeAll
    static void readSources() throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        List<String> read = new ArrayList<>();
        for (JsonNode each : mapper.readTree(resource("templates.json")).get("cases")) {
            read.add(each.get("template").textValue());
        }
        read.add(mapper.readTree(resource("qwen3-tokenizer_config.json"))
                .get("chat_template")
                .textValue());
        sources = read;
    }

    private static byte[] resource(String name) throws IOException {
        try (InputStream resource =
                Objects.requireNonNull(TemplateFuzzTest.class.getResourceAsStream("/golden/" + name))) {
            return resource.readAllBytes();
        }
    }

    @Test
    void randomTemplatesEnd() {
        compose(19, 250);
        mutate(20, 500);
    }

    @Test
    @Tag("slow")
    void manyRandomTemplatesEnd() {
        compose(21, 200_000);
        mutate(22, 300_000);
    }

    /// A test applied to each of many items of which it keeps none took ten minutes.
    @Test
    void aTemplateThatRanOnEnds() {
        assertThat(isRendered("{% for x in deep %}{% for x in range(100000) %}{% for x in [1, 'a'] %}data\n{% endfor %}"
                        + "{% for x in range(1000) %}"
                        + "{{ ((((range(100000)) | select('string')) | reverse) | list)[true] }}"
                        + "{% endfor %}{% endfor %}{% endfor %}"))
                .isFalse();
    }

    private static void compose(long seed, int count) {
        Random random = new Random(seed);
        int rendered = 0;
        for (int i = 0; i < count; i++) {
            String source = "{% set ns = namespace(a='a', b=[1]) %}{% macro m(x) %}{{ x }}{% endmacro %}"
                    + new Grammar(random).statements(4);
            rendered += isRendered(source) ? 1 : 0;
        }
        assertThat(rendered).isGreaterThan(count / 10);
    }

    private static void mutate(long seed, int count) {
        Random random = new Random(seed);
        int rendered = 0;
        for (int i = 0; i < count; i++) {
            StringBuilder source = new StringBuilder(sources.get(random.nextInt(sources.size())));
            for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
                change(source, random);
            }
            rendered += isRendered(source.toString()) ? 1 : 0;
        }
        assertThat(rendered).isGreaterThan(count / 10);
    }

    /// Deletes a part, copies a part to another place, or inserts an expression.
    private static void change(StringBuilder source, Random random) {
        int start = random.nextInt(source.length() + 1);
        int end = Math.min(source.length(), start + 1 + random.nextInt(12));
        switch (random.nextInt(4)) {
            case 0 -> source.delete(start, end);
            case 1 -> source.insert(random.nextInt(source.length() + 1), source.substring(start, end));
            case 2 -> source.replace(start, end, new Grammar(random).value("ANY", 2));
            default -> source.insert(start, "|%*+-~()[]{}:,.'\"\\".charAt(random.nextInt(17)));
        }
    }

    private static boolean isRendered(String source) {
        long start = System.nanoTime();
        try {
            Template.parse(source).render(VARIABLES);
            return true;
        } catch (TemplateException e) {
            String message = Objects.requireNonNull(e.getMessage());
            assertThat(message.codePoints().count()).as(source).isBetween(1L, 4_020L);
            assertThat(message).as(source).doesNotContainPattern("[\\p{Cntrl}\\u2028\\u2029]");
            return false;
        } catch (RuntimeException | Error e) {
            return fail(source, e);
        } finally {
            assertThat(TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start))
                    .as(source)
                    .isLessThan(LONGEST_SECONDS);
        }
    }

    /// Random sources, most of which are valid.
    private static final class Grammar {
        private final Random random;

        Grammar(Random random) {
            this.random = random;
        }

        private String one(List<String> choices) {
            return choices.get(random.nextInt(choices.size()));
        }

        String statements(int most) {
            StringBuilder statements = new StringBuilder();
            for (int i = random.nextInt(most) + 1; i > 0; i--) {
                statements.append(statement(most - 1));
            }
            return statements.toString();
        }

        private String statement(int most) {
            int kind = random.nextInt(most < 1 ? 4 : 11);
            return switch (kind) {
                case 0, 1 -> "{{ " + value("ANY", 4) + " }}";
                case 2 ->
                    random.nextBoolean()
                            ? "{% set ns.a = " + value("TEXT", 3) + " %}"
                            : "{% set ns.b = " + value("LIST", 3) + " %}";
                case 3 -> "data\n";
                case 4 ->
                    "{% if " + value("ANY", 3) + " %}" + statements(most) + "{% else %}" + statements(most)
                            + "{% endif %}";
                case 5 -> "{% for x in " + value("LIST", 3) + " %}" + statements(most) + "{% endfor %}";
                case 6 ->
                    "{% for x, y in " + value("MAP", 2) + ".items() if " + value("ANY", 2) + " %}" + statements(most)
                            + "{% else %}" + statements(most) + "{% endfor %}";
                case 7 ->
                    "{% for x in range(" + one(List.of("3", "40", "1000", "100000")) + ") %}" + statements(most)
                            + "{% endfor %}";
                case 8 ->
                    "{% macro m(x, y=" + value("ANY", 2) + ") %}" + statements(most) + "{% endmacro %}{{ m("
                            + value("ANY", 2) + ") }}";
                case 9 -> "{% set ns.a %}" + statements(most) + "{% endset %}";
                default -> "{% for x in range(60) %}" + growth() + "{% endfor %}";
            };
        }

        /// Returns what makes `ns.a` or `ns.b` larger round by round.
        private String growth() {
            return random.nextBoolean()
                    ? "{% set ns.a = "
                            + one(List.of(
                                    "ns.a + ns.a",
                                    "ns.a ~ ns.a",
                                    "[ns.a, ns.a] | join(ns.a)",
                                    "ns.a | tojson",
                                    "(ns.a ~ '\\n' ~ ns.a) | indent(7)",
                                    "ns.a.replace('a', 'aa')",
                                    "[ns.a, ns.a] | string",
                                    "ns.a * 3"))
                            + " %}"
                    : "{% set ns.b = "
                            + one(List.of(
                                    "ns.b + ns.b",
                                    "[ns.b, ns.b]",
                                    "(ns.b, ns.a)",
                                    "[{'a': ns.b, 'b': ns.b}]",
                                    "ns.b[::-1] + [ns.b]"))
                            + " %}";
        }

        /// Returns a value of `type`, and sometimes of another type.
        String value(String type, int deepest) {
            String wanted = ATOMS.containsKey(type) && random.nextInt(40) == 0 ? "ANY" : type;
            boolean isAtom = ATOMS.containsKey(wanted) && (deepest <= 0 || random.nextInt(4) == 0);
            String form = one(Objects.requireNonNull(isAtom ? ATOMS.get(wanted) : FORMS.get(wanted)));
            return HOLE.matcher(form).replaceAll(hole -> Matcher.quoteReplacement(value(hole.group(), deepest - 1)));
        }
    }
}
