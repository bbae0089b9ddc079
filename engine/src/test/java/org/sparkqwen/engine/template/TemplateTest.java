package org.sparkqwen.engine.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The output is that of Python's jinja2; CONTRIBUTING.md says how it was made.
class TemplateTest {
    private static final ObjectMapper MAPPER = new ObjectMapper().enable(DeserializationFeature.USE_LONG_FOR_INTS);
    private static final JsonNode GOLDEN = golden();

    private static JsonNode golden() {
        try (InputStream json =
                Objects.requireNonNull(TemplateTest.class.getResourceAsStream("/golden/templates.json"))) {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Stream<JsonNode> rendered() {
        return StreamSupport.stream(GOLDEN.get("cases").spliterator(), false).filter(each -> each.has("rendered"));
    }

    private static Stream<JsonNode> refused() {
        return StreamSupport.stream(GOLDEN.get("cases").spliterator(), false).filter(each -> each.has("error"));
    }

    private static String render(String template) {
        Map<String, Object> variables = MAPPER.convertValue(GOLDEN.get("variables"), new TypeReference<>() {});
        return Template.parse(template).render(variables).toString();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rendered")
    void rendersWhatJinjaRenders(JsonNode golden) {
        assertThat(render(golden.get("template").textValue()))
                .isEqualTo(golden.get("rendered").textValue());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("refused")
    void refusesWhatJinjaRefuses(JsonNode golden) {
        assertThatThrownBy(() -> render(golden.get("template").textValue()))
                .isInstanceOf(TemplateException.class)
                .hasMessageStartingWith("line 1: ");
    }

    @Test
    void thereAreGoldenCasesOfBothKinds() {
        assertThat(rendered()).hasSize(107);
        assertThat(refused()).hasSize(30);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% if a %}",
                "{% endif %}",
                "{% for a %}{% endfor %}",
                "{% for a in b %}{% endif %}",
                "{% include 'x' %}",
                "{{ a",
                "{{ }}",
                "{{ a b }}",
                "{{ 'a }}",
                "{{ a | }}",
                "{{ a.'b' }}",
                "{{ (a }}",
                "{{ ? }}",
                "{# a",
                "{% set 1 = 2 %}",
                "{{ '\\xZZ' }}",
                "{{ 99999999999999999999 }}",
                "{% macro f( %}",
                "{{",
                "{%",
            })
    void whatIsNoTemplateIsRefusedWithItsLine(String source) {
        assertThatThrownBy(() -> Template.parse("one\n" + source))
                .isInstanceOf(TemplateException.class)
                .hasMessageMatching("line 2: .+");
    }

    @Test
    void anErrorNamesTheLineOfItsTagInOneLine() {
        assertThatThrownBy(() -> render("a\n{% if yes %}\n{{ raise_exception('two\nlines') }}{% endif %}"))
                .hasMessage("line 3: two lines");
    }

    @Test
    void templatesThatWouldNotEndDoEnd() {
        assertThatThrownBy(() -> render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"))
                .hasMessage("the template nests too deep");
        assertThatThrownBy(() -> render("{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}"))
                .hasMessage("the template nests too deep");
        assertThatThrownBy(() -> render("{% set a = 'a' * 1000 %}{% for i in range(50) %}"
                        + "{% set ns = namespace() %}{% endfor %}{% set a = a * 1000 %}{{ a * 1000 }}"))
                .hasMessageContaining("grows beyond");
        assertThatThrownBy(() ->
                        render("{% for i in range(100000) %}{% for j in range(100000) %}" + "{% endfor %}{% endfor %}"))
                .hasMessageContaining("loops too long");
        assertThatThrownBy(() -> render("{{ range(100001) }}")).hasMessageContaining("range() of more than");
    }

    @Test
    void theTimeIsWrittenInEnglish() {
        LocalDate before = LocalDate.now(ZoneId.systemDefault());
        String written = render("{{ strftime_now('%Y-%m-%d %% %B') }}");
        LocalDate after = LocalDate.now(ZoneId.systemDefault());
        assertThat(Stream.of(before, after).map(day -> "%s %% %s".formatted(day, month(day))))
                .contains(written);
        assertThatThrownBy(() -> render("{{ strftime_now('%Q') }}")).hasMessageContaining("%Q");
    }

    private static String month(LocalDate day) {
        return day.getMonth().getDisplayName(java.time.format.TextStyle.FULL, Locale.ENGLISH);
    }
}
