package org.sparkqwen.engine.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.request.ToolCall;

/// Tool calls in the text of an answer.
class ToolCallsTest {
    private static final String WEATHER =
            "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"place\": \"x\"}}\n</tool_call>";

    @Test
    void callsAreReadAndTakenOutOfTheText() {
        assertThat(ToolCalls.of(WEATHER))
                .isEqualTo(new ToolCalls("", List.of(new ToolCall("weather", "{\"place\": \"x\"}"))));
        assertThat(ToolCalls.of("Let me look.\n" + WEATHER + "\n" + WEATHER.replace("weather", "sail") + "\n"))
                .isEqualTo(new ToolCalls(
                        "Let me look.",
                        List.of(
                                new ToolCall("weather", "{\"place\": \"x\"}"),
                                new ToolCall("sail", "{\"place\": \"x\"}"))));
    }

    /// Numbers, spaces and the order of keys stay as the model wrote them.
    @Test
    void argumentsAreVerbatim() {
        String arguments = "{ \"b\":1.50e3,\"a\" : [12345678901234567890, \"</tool_call>\", {\"é\":\"\\u00e9\\n\"}] }";
        assertThat(ToolCalls.of("<tool_call>{\"arguments\":" + arguments
                                + ",\"id\":{\"x\":[1]},\"name\":\"f\"}</tool_call>")
                        .calls())
                .containsExactly(new ToolCall("f", arguments));
        assertThat(ToolCalls.of("<tool_call>{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}</tool_call>")
                        .calls())
                .as("arguments in a string")
                .containsExactly(new ToolCall("f", "{\"a\": 1}"));
        assertThat(ToolCalls.of("<tool_call>{\"name\":\"f\"}</tool_call>").calls())
                .containsExactly(new ToolCall("f", "{}"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<tool_call>",
                "<tool_call>\n{\"name\": \"weather\", \"argum",
                "<tool_call>\n{\"name\": \"weather\", \"arguments\": {}}\n",
                "<tool_call>\n{\"name\": \"weather\", \"arguments\": {}} x\n</tool_call>",
                "<tool_call>\n{\"name\": \"weather\", \"arguments\": [1]}\n</tool_call>",
                "<tool_call>\n{\"name\": 7, \"arguments\": {}}\n</tool_call>",
                "<tool_call>\n{\"arguments\": {}}\n</tool_call>",
                "<tool_call>\n{'name': 'weather', 'arguments': {}}\n</tool_call>",
                "<tool_call>\n[{\"name\": \"weather\"}]\n</tool_call>",
                "<tool_call>\n<function=weather>\n</function>\n</tool_call>",
                "<tool_call></tool_call>"
            })
    void whatCannotBeReadLeavesTheTextWhole(String malformed) {
        assertThat(ToolCalls.of(malformed)).isEqualTo(new ToolCalls(malformed, null));
        String second = WEATHER + "\n" + malformed;
        assertThat(ToolCalls.of(second)).isEqualTo(new ToolCalls(second, null));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "No call.", "a </tool_call> b", "{\"name\": \"weather\"}"})
    void aTextWithoutCallsHasNone(String text) {
        assertThat(ToolCalls.of(text)).isEqualTo(new ToolCalls(text, List.of()));
    }
}
