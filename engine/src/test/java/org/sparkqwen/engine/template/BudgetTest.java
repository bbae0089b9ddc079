package org.sparkqwen.engine.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Rendering ends within limits of time and memory, whatever the template and whatever the conversation.
class BudgetTest {
    /// The limit is many times what each rendering takes, because it only tells an end from none.
    private static final Duration AN_END = Duration.ofSeconds(60);

    /// Doubles `ns.a` sixty times.
    private static final String DOUBLED = "{% for i in range(60) %}{% set ns.a = DOUBLE %}{% endfor %}";

    private static String doubled(String first, String twice, String use) {
        return "{% set ns = namespace(a=" + first + ") %}" + DOUBLED.replace("DOUBLE", twice) + "{{ " + use + " }}";
    }

    /// Returns a template that evaluates `expression` ten thousand million times.
    private static String rounds(String expression) {
        return "{% set ns = namespace() %}{% set ones = range(1, 100000) %}{% set zeros = range(100000) | map('abs') %}"
                + "{% set digits = '7' * 900 %}{% set spaces = ' ' * 1000000 %}{% set letters = 'a,b' * 100000 %}"
                + "{% for i in range(100000) %}{% for j in range(100000) %}{% if " + expression
                + " %}{% endif %}{% endfor %}{% endfor %}";
    }

    private static String names(int count) {
        return IntStream.range(0, count).mapToObj(i -> "a" + i).collect(Collectors.joining(","));
    }

    /// Returns templates each of which would take more memory than any heap has, or would never end.
    private static List<String> bombs() {
        return List.of(
                // memory
                doubled("'a'", "ns.a + ns.a", "ns.a"),
                doubled("'a'", "ns.a ~ ns.a", "ns.a"),
                doubled("'a'", "[ns.a, ns.a] | join", "ns.a"),
                doubled("'aa'", "ns.a.replace('a', 'aa')", "ns.a"),
                doubled("'aa'", "ns.a | replace('a', 'aa')", "ns.a"),
                doubled("'aa'", "ns.a.join(['b', 'c', 'd'])", "ns.a"),
                doubled("[1]", "ns.a + ns.a", "ns.a | length"),
                doubled("[1]", "ns.a + ns.a[::-1]", "ns.a | length"),
                doubled("[1]", "[ns.a, ns.a]", "ns.a"),
                doubled("[1]", "[ns.a, ns.a]", "ns.a | string"),
                doubled("[1]", "[ns.a, ns.a]", "ns.a | tojson"),
                doubled("[1]", "[ns.a, ns.a]", "ns.a | tojson(indent=1000)"),
                doubled("[1]", "[ns.a, ns.a]", "'' ~ ns.a"),
                doubled("(1,)", "(ns.a, ns.a)", "ns.a"),
                doubled("{'a': 1}", "{'a': ns.a, 'b': ns.a}", "ns.a"),
                doubled("{'a': 1}", "{'a': ns.a, 'b': ns.a}", "ns.a | tojson"),
                doubled("{'a': 1}", "dict(ns.a, b=ns.a, c=ns.a)", "ns.a"),
                doubled("'a\\n'", "(ns.a + ns.a) | indent(9)", "ns.a"),
                "{{ ('a\\n' * 1000000) | indent(1000) }}",
                "{{ 'a\\n' | indent(10 ** 18) }}",
                "{{ ('a\\n' * 100000) | indent('a' * 100000) }}",
                "{{ [[1] , [2]] | tojson(indent=10 ** 15) }}",
                "{{ '' * 10 ** 18 }}{{ 'a' * 10 ** 18 }}",
                "{{ 'ab' * 4611686018427387904 }}",
                "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + [i] %}{% endfor %}",
                "{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = {i: ns.d, 'a': ns.d} %}{%"
                        + " endfor %}{{ ns.d }}",
                "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% for j in range(100000) %}"
                        + "{% set ns.l = [ns.l, 'a'.split, j] %}{% endfor %}{% endfor %}",
                "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% for j in range(100000) %}"
                        + "{% macro m() %}{% endmacro %}{% set ns.l = [ns.l, m] %}{% endfor %}{% endfor %}",
                "{% for i in range(100000) %}{% for j in range(100000) %}abcdefghijklmnopqrstuvwxyz{% endfor %}{%"
                        + " endfor %}",
                "{% for c in 'a' * 3000000 %}{{ c }}{{ text }}{% endfor %}",
                "{% set a %}{% for i in range(100000) %}{{ 'a' * 10000 }}{% endfor %}{% endset %}",
                "{{ ('a' * 4000000) | upper | lower | capitalize | title | upper | lower | title | upper }}",
                "{% for i in range(100000) %}{{ strftime_now('%A' * 100000) }}{% endfor %}",
                "{{ ('a' * 30000000) }}",
                "{{ ('\\x00' * 10000000) | tojson }}",
                "{{ ['\\x00' * 10000000] }}",
                "{{ ('ß' * 30000000) | upper }}",
                "{% for i in range(1000) %}{{ ('a,' * 1000000).split(',') | length }}{% endfor %}",
                "{% for i in range(1000) %}{{ ('a ' * 1000000).split() | length }}{% endfor %}",
                "{% for i in range(1000) %}{{ ('a,' * 1000000).rsplit(',') | length }}{% endfor %}",
                "{% for i in range(1000) %}{{ ('a\\n' * 1000000).splitlines() | length }}{% endfor %}",
                // time
                "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                "{% for i in range(100000) if range(100000) | select('odd') | list %}{% endfor %}",
                "{% for i in range(100000) %}{{ 1 if range(100000) == range(100000) else 2 }}{% endfor %}",
                "{% for i in range(100000) %}{{ -1 in range(100000) }}{% endfor %}",
                "{% for i in range(100000) %}{{ range(100000) | map('string') | join | length }}{% endfor %}",
                "{% for i in range(100000) %}{{ range(100000) | reverse | first }}{% endfor %}",
                rounds("range(100000) | select('none')"),
                rounds("range(100000) | reject('number') | reverse | list"),
                rounds("ones | select('eq', 0)"),
                rounds("zeros | select"),
                rounds("ones | reject"),
                rounds("'a' in ones"),
                rounds("'word' | int + 'word' | float"),
                rounds("digits | int(1)"),
                rounds("digits | float"),
                rounds("('1.' ~ digits) | float"),
                rounds("spaces | int"),
                rounds("(letters ~ text).replace(',', '')"),
                rounds("(letters ~ text)[::50]"),
                rounds("('ß' * 1000) | upper"),
                rounds("('İ' * 1000) | lower"),
                rounds("('aΣ' * 1000) | lower"),
                rounds("(letters ~ 'a').splitlines()"),
                rounds("b" + "a".repeat(400_000)),
                rounds("ns.b" + "a".repeat(400_000)),
                "{% for i in range(100000) %}{% set " + names(50_000) + " = range(50000) %}{% endfor %}",
                "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set " + names(1_000)
                        + " = range(1000) %}{% macro m() %}{% endmacro %}{% set ns.l = [ns.l, m] %}{% endfor %}",
                "{% macro f() %}{% set " + names(50_000) + " = range(50000) %}{{ f() }}{% endmacro %}{{ f() }}",
                "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
                        + "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
                "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
                        + "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a in [ns.b] }}",
                "{% set ns = namespace(a={'k': 1}, b={'k': 1}) %}{% for i in range(60) %}{% set ns.a = {1: ns.a, 2:"
                        + " ns.a} %}{% set ns.b = {1: ns.b, 2: ns.b} %}{% endfor %}{{ ns.a != ns.b }}",
                doubled("[1]", "[ns.a, ns.a]", "{ns.a: 1}"),
                doubled("(1,)", "(ns.a, ns.a)", "{ns.a: 1}"),
                doubled("[1]", "[ns.a, ns.a]", "{}[ns.a]"),
                doubled("[1]", "[ns.a, ns.a]", "{}.get(ns.a)"),
                "{% set a = 'a' * 1000000 %}{% for i in range(100000) %}{{ a == 'a' * 1000000 }}{% endfor %}",
                "{% set a = 'a' * 1000000 %}{% for i in range(100000) %}{{ a < a ~ 'b' }}{% endfor %}",
                "{% set a = 'a' * 1000000 %}{{ (a ~ 'b' ~ a) in (a ~ a ~ a) }}",
                "{% set a = 'a' * 1000000 %}{{ ('b' ~ a).rfind('b') + (a ~ a ~ a).find(a ~ 'b') }}",
                "{% set a = 'a' * 1000000 %}{{ (a ~ a).split(a ~ 'b') | length }}",
                "{% set a = 'a' * 1000000 %}{{ (a ~ a).count(a ~ 'b') }}",
                "{% set a = 'a' * 1000000 %}{{ (a ~ a).replace(a ~ 'b', '') | length }}",
                "{% set a = 'a' * 1000000 %}{{ a.strip('b' * 1000000 ~ 'a') }}",
                "{% set a = 'é' * 1000000 %}{% for i in range(100000) %}{{ a[i] }}{{ a[::-1] | length }}{% endfor %}",
                "{% set a = '😀' * 500000 %}{% for i in range(100000) %}{{ a[499999 - i] }}{% endfor %}",
                "{% set a = '😀' * 500000 %}{% for i in range(100000) %}{{ a.find('b') }}{{ a | last }}{% endfor %}",
                "{% set a = '1' * 1000000 %}{% for i in range(100000) %}{{ a | int }}{{ a | float }}{% endfor %}",
                "{% for i in range(100000) %}{{ ('a.' * 100000 ~ 'a') }}{{ [{}] | map(attribute='a.' * 100000) | list"
                        + " }}{% endfor %}",
                "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
                "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(25) }}",
                "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a"
                        + " }}",
                "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% set ns.a = [ns.a] %}{% endfor %}"
                        + "{{ ns.a | tojson }}",
                "{% set ns = namespace(a=[], b=[]) %}{% for i in range(100000) %}{% set ns.a = [ns.a] %}"
                        + "{% set ns.b = [ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
                "{{ " + "1 + ".repeat(100_000) + "1 }}",
                "{{ " + "1 ~ ".repeat(100_000) + "1 }}",
                "{{ " + "0 or ".repeat(100_000) + "1 }}",
                "{{ " + "1 and ".repeat(100_000) + "1 }}",
                "{{ 1" + " | abs".repeat(100_000) + " }}",
                "{{ 1" + " is none".repeat(100_000) + " }}",
                "{{ 'a'" + "[0]".repeat(100_000) + " }}",
                "{{ a" + ".b".repeat(100_000) + " }}",
                "{{ a" + "()".repeat(100_000) + " }}");
    }

    private static final Map<String, Object> VARIABLES = Map.of("text", Text.foreign("a <|im_end|> 'text'\n"));

    @ParameterizedTest
    @MethodSource("bombs")
    void aBombIsOneLine(String template) {
        Template parsed = Template.parse(template);
        Assertions.assertTimeoutPreemptively(
                AN_END,
                () -> assertThatThrownBy(() -> parsed.render(VARIABLES))
                        .isInstanceOf(TemplateException.class)
                        .message()
                        .hasSizeLessThan(400)
                        .doesNotContainPattern("\\p{Cntrl}"));
    }

    /// Java's own methods take quadratic time for these texts, which is minutes and more.
    @ParameterizedTest
    @CsvSource({"Σ, lower, σ, ς", "aΣ, lower, aσ, aς", "İ, lower, i̇, i̇", "ß, upper, SS, SS", "ﬃ, upper, FFI, FFI"})
    void lettersThatBecomeOthersAreRewrittenInTime(String letters, String filter, String each, String last) {
        Template template = Template.parse("{{ text | " + filter + " }}");
        Map<String, Object> variables = Map.of("text", Text.foreign(letters.repeat(200_000)));
        Assertions.assertTimeoutPreemptively(
                AN_END, () -> assertThat(template.render(variables)).hasToString(each.repeat(199_999) + last));
    }

    /// These cases are not computed by Java's own methods.
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "{{ 'ΟΔΟΣ'|lower }}{{ 'Σ Σ'|lower }}{{ 'ΑΣ. ΑΣ.Α'|lower }} ; οδοςσ σας. ασ.α",
                "{{ 'οΣ'|capitalize }} ; Ος",
                "{{ 'a\\r\\nb\\n\\rc\\n'.splitlines() }} ; ['a', 'b', '', 'c']",
                "{{ ' -7 '|int }}{{ '1.5e1'|int }}{{ '.5'|float }}{{ '1.'|float }} ; -7150.51.0",
                "{{ '9223372036854775808'|int(5) }}{{ ''|int(6) }}{{ [1]|int(7) }}{{ '1e'|float(8) }} ; 5678",
            })
    void theSameAsInPython(String template, String rendered) {
        assertThat(Template.parse(template).render(VARIABLES)).hasToString(rendered);
    }

    /// The hashes of these words are close to each other.
    @Test
    void aSourceOfManyWordsIsRead() {
        String source = "{% set " + names(120_000) + " = 1 %}";
        Assertions.assertTimeoutPreemptively(
                AN_END, () -> assertThat(Template.parse(source).words()).contains("a0", "a119999"));
    }

    /// Python handles these templates in no time. They must end here, too.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{{ '' * 10 ** 18 }}. | .",
                "{{ 'a' * -1 }}. | .",
                "{{ [1, 2, 3][::9223372036854775807] }} | [1]",
                "{{ [1, 2, 3][1::9223372036854775807] }} | [2]",
                "{{ [1, 2, 3][::-9223372036854775807] }} | [3]",
                "{{ 'abc'[1:99999999999] }} | bc",
                "{{ range(9223372036854775800, 9223372036854775807, 5) }}"
                        + " | [9223372036854775800, 9223372036854775805]",
                "{{ range(3, 0, -2) }} | [3, 1]",
                "{% set ns = namespace(a=[]) %}{% for i in range(50) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}"
                        + "{{ ns.a == ns.a }} | True",
                "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns == ns.a }} | True",
                "{{ {1: 'a', true: 'b', 1.0: 'c'} }} | {1: 'c'}",
                "{{ {'a': 1, 'b': [2]} == {'b': [2], 'a': 1.0} }} | True",
                "{{ (1, 2) == [1, 2] }} | False",
                "{{ '😀b' > '\uffffa' }} | True",
                "{{ 'a😀b'[::-1] }}{{ 'a😀b'[1] }}{{ 'a😀b'[-1:] }}{{ 'a😀bc'[::2] }} | b😀a😀bab",
                "{{ 'aXbXc'.rsplit('X', 1) }}{{ 'a b  c '.split(none, 1) }} | ['aXb', 'c']['a', 'b  c ']",
                "{{ 'aaa'.count('a') }}{{ 'aaa'.count('') }}{{ 'aaa'.rfind('a') }}{{ 'aaa'.find('b') }} | 342-1",
            })
    void whatLooksLikeABombMayBeNone(String template, String rendered) {
        assertThat(Template.parse(template).render(VARIABLES)).hasToString(rendered);
    }

    @ParameterizedTest
    @CsvSource({
        "(, )",
        "[, ]",
        "{1:, }",
        "not, ''",
        "-, ''",
        "1 if 0 else, ''",
        "a(, )",
        "a[, ]",
        "a|f(, )",
        "a is b(, )",
        "1 + (, )",
        "a(x=, )"
    })
    void aSourceThatNestsTooDeepIsRefused(String opening, String closing) {
        String source = "{{ " + (opening + " ").repeat(50_000) + "1" + closing.repeat(50_000) + " }}";
        assertThatThrownBy(() -> Template.parse(source))
                .isInstanceOf(TemplateException.class)
                .hasMessage("the template nests too deep");
    }

    @Test
    void blocksThatNestTooDeepAreRefused() {
        for (String block : List.of("{% if 1 %}", "{% for a in b %}", "{% set a %}", "{% macro f() %}")) {
            assertThatThrownBy(() -> Template.parse(block.repeat(50_000)))
                    .isInstanceOf(TemplateException.class)
                    .hasMessage("the template nests too deep");
        }
    }

    @Test
    void aSourceMayBeLongButNotTooLong() {
        String branches = "{% if no %}" + "{% elif no %}".repeat(50_000) + "{% else %}a{% endif %}";
        assertThat(Template.parse(branches).render(Map.of())).hasToString("a");
        assertThat(Template.parse("{{ " + "'a' ".repeat(100_000) + "}}")
                        .render(Map.of())
                        .toString())
                .hasSize(100_000);
        assertThat(Template.parse("{{ [" + "1, ".repeat(100_000) + "] | length }}")
                        .render(Map.of()))
                .hasToString("100000");
        assertThatThrownBy(() -> Template.parse("{{ " + "1".repeat(100_000) + " }}"))
                .hasMessageMatching("line 1: the number 1{100}… is too large");
        assertThatThrownBy(() -> Template.parse("{{ " + "1_".repeat(100_000) + "1 }}"))
                .hasMessageContaining("is too large");
        assertThatThrownBy(() -> Template.parse("a".repeat(100_000_000)))
                .hasMessage("100,000,000 characters, more than the 1,048,576 that a template may have");
    }

    /// On a thread with the stack of Spark's threads, or with a smaller one, the limits stop a template
    /// before the stack does.
    @ParameterizedTest
    @ValueSource(ints = {1024, 512})
    void theStackIsEnoughForWhatIsAllowed(int kibibytes) throws InterruptedException {
        List<Throwable> thrown = new ArrayList<>();
        Thread thread = new Thread(
                null,
                () -> {
                    String nested = "(".repeat(90) + "1" + ")".repeat(90);
                    String chain = "1" + " + 1".repeat(250);
                    thrown.add(catchThrowable(() -> Template.parse("{{ " + nested + " }}{{ " + chain + "}}")
                            .render(Map.of())));
                    thrown.add(catchThrowable(() -> Template.parse(
                                    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}")
                            .render(Map.of())));
                },
                "small stack",
                kibibytes * 1024L);
        thread.start();
        thread.join();
        assertThat(thrown).containsExactly(null, null);
    }

    private static final String ORDINARY = "{% for m in messages[::-1] %}"
            + "{% set index = (messages | length - 1) - loop.index0 %}"
            + "{% if messages[index].role == 'user' and m.content is string %}{% endif %}{% endfor %}"
            + "{% for m in messages %}{% set content = m.content %}"
            + "{% if '</think>' in content %}{% set content = content.split('</think>')[-1].lstrip('\\n') %}{% endif %}"
            + "{{ '<|im_start|>' + m.role + '\\n' + content.strip() | trim + '<|im_end|>' + '\\n' }}{% endfor %}";

    private static Map<String, Object> conversation(int messages, String text) {
        List<Map<String, Object>> turns = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            turns.add(Map.of("role", i % 2 == 0 ? "user" : "assistant", "content", Text.foreign(text)));
        }
        return Map.of("messages", turns);
    }

    /// A conversation has a megabyte of words or more, in any number of messages, and is rendered. With a
    /// quadratic step it would not end.
    @ParameterizedTest
    @CsvSource({"1, 200000", "100, 2000", "10000, 20", "100000, 2", "1, 1000000", "1000, 1000"})
    void longConversationsAreRendered(int messages, int words) {
        Map<String, Object> conversation = conversation(messages, "words ".repeat(words));
        Template template = Template.parse(ORDINARY);
        Assertions.assertTimeoutPreemptively(
                AN_END,
                () -> assertThat(template.render(conversation).toString()).hasSizeGreaterThan(messages * words * 6));
    }

    @Test
    void aConversationOfFifteenMegabytesIsRefusedBeforeItIsRendered() {
        assertThatThrownBy(() -> Template.parse(ORDINARY).render(conversation(1, "words ".repeat(2_500_000))))
                .isInstanceOf(TemplateException.class)
                .hasMessage("the conversation has 15,000,055 characters, more than the 8,000,000 that can be rendered");
        assertThatThrownBy(() -> Template.parse(ORDINARY).render(conversation(1_000_000, "")))
                .hasMessageContaining("more than the 8,000,000 that can be rendered");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ messages[0].content.split() | length }}",
                "{{ messages[0].content.split(' ') | length }}",
                "{{ messages[0].content.split('d')[-1] }}",
                "{{ messages[0].content | reverse | length }}",
                "{{ messages[0].content[::-1] | length }}",
                "{% for c in messages[0].content %}{% endfor %}",
                "{{ messages[0].content | list | length }}",
                "{{ messages[0].content | title | indent }}",
                "{{ messages | tojson }}",
                "{{ messages }}",
            })
    void twoMegabytesOfTextInAnyFilterEnd(String template) {
        Map<String, Object> conversation = conversation(1, "words ".repeat(333_333));
        Template parsed = Template.parse(template);
        Assertions.assertTimeoutPreemptively(AN_END, () -> {
            Throwable thrown = catchThrowable(() -> parsed.render(conversation));
            assertThat(thrown)
                    .satisfiesAnyOf(
                            each -> assertThat(each).isNull(),
                            each -> assertThat(each).isInstanceOf(TemplateException.class));
        });
    }

    @Test
    void aConversationThatNestsTooDeepIsRefused() {
        Object nested = "a";
        for (int i = 0; i < 100_000; i++) {
            nested = List.of(nested);
        }
        Map<String, Object> variables = Map.of("tools", nested);
        assertThatThrownBy(() -> Template.parse("{{ tools | tojson }}").render(variables))
                .hasMessage("the conversation nests more than 100 levels deep");
    }

    /// Spark interrupts the thread of a task that it kills.
    @Test
    void anInterruptEndsARendering() {
        Template endless =
                Template.parse("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}");
        Thread.currentThread().interrupt();
        try {
            assertThatThrownBy(() -> endless.render(Map.of())).isInstanceOf(CancellationException.class);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
    }

    /// A dictionary whose texts have the same hash must not become as slow as a list.
    @Test
    void keysWithTheSameHashStayFast() {
        Map<String, Object> same = new LinkedHashMap<>();
        for (int i = 0; i < 1 << 15; i++) {
            StringBuilder key = new StringBuilder();
            for (int bit = 0; bit < 15; bit++) {
                key.append((i >> bit & 1) == 0 ? "Aa" : "BB");
            }
            same.put(key.toString(), 1L);
        }
        Assertions.assertTimeoutPreemptively(
                AN_END,
                () -> assertThat(Template.parse("{{ d == dict(d) }}").render(Map.of("d", same)))
                        .hasToString("True"));
    }

    @Test
    void messagesQuoteWhatTheyName() {
        String name = "a".repeat(10_000);
        for (String template : List.of(
                "{{ " + name + " + 1 }}",
                "{{ {}." + name + " + 1 }}",
                "{{ {}['\u202e\u001b[31m" + name + "'] + 1 }}",
                "{{ 1 | " + name + " }}",
                "{{ 1 is " + name + " }}",
                "{% for i in [1] %}{{ loop." + name + " }}{% endfor %}",
                "{% set " + name + ".a = 1 %}",
                "{{ strftime_now('%\u001b') }}",
                "{{ [1] | map('\u001b[31m') | list }}",
                "{{ raise_exception(text * 10000) }}")) {
            assertThatThrownBy(() -> Template.parse(template).render(VARIABLES))
                    .as(template)
                    .isInstanceOf(TemplateException.class)
                    .message()
                    .hasSizeLessThan(4_100)
                    .doesNotContainPattern("[\\p{Cntrl}\\u202e]");
        }
    }
}
