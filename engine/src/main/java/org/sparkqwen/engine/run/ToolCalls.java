package org.sparkqwen.engine.run;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.request.ToolCall;

/// The tool calls in an answer, in the form of Qwen2.5 and Qwen3:
///
/// ```
/// <tool_call>
/// {"name": "weather", "arguments": {"city": "Nantucket"}}
/// </tool_call>
/// ```
///
/// @param text the answer without its calls; all of it if one of them cannot be read
/// @param calls the calls in their order; null if one cannot be read
record ToolCalls(String text, @Nullable List<ToolCall> calls) {
    private static final String OPENING_TAG = "<tool_call>";
    private static final String CLOSING_TAG = "</tool_call>";
    private static final JsonFactory JSON = new JsonFactory();

    /// A call that stands between two tags.
    ///
    /// @param end the end of its JSON in the text after the opening tag
    private record Block(ToolCall call, int end) {}

    static ToolCalls of(String answer) {
        List<ToolCall> calls = new ArrayList<>();
        List<String> between = new ArrayList<>();
        int next = 0;
        for (int at = answer.indexOf(OPENING_TAG); at >= 0; at = answer.indexOf(OPENING_TAG, next)) {
            int start = at + OPENING_TAG.length();
            Block block = block(answer.substring(start));
            int end = block == null ? answer.length() : start + block.end();
            while (end < answer.length() && Character.isWhitespace(answer.charAt(end))) {
                end++;
            }
            if (block == null || !answer.startsWith(CLOSING_TAG, end)) {
                return new ToolCalls(answer, null);
            }
            calls.add(block.call());
            between.add(answer.substring(next, at));
            next = end + CLOSING_TAG.length();
        }
        if (calls.isEmpty()) {
            return new ToolCalls(answer, calls);
        }
        between.add(answer.substring(next));
        List<String> texts = between.stream()
                .map(String::strip)
                .filter(text -> !text.isEmpty())
                .toList();
        return new ToolCalls(String.join("\n", texts), calls);
    }

    /// Reads the object with which `text` begins; null if it is no call.
    private static @Nullable Block block(String text) {
        try (JsonParser json = JSON.createParser(text)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            String name = null;
            String arguments = "{}";
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                JsonToken value = json.nextToken();
                if (key.equals("name") && value == JsonToken.VALUE_STRING) {
                    name = json.getText();
                } else if (key.equals("arguments")) {
                    arguments = arguments(json, text);
                } else {
                    json.skipChildren();
                }
            }
            return name == null || arguments == null
                    ? null
                    : new Block(
                            new ToolCall(name, arguments),
                            offset(json.currentLocation().getCharOffset()));
        } catch (IOException e) {
            return null; // malformed, or cut short
        }
    }

    /// The text of the object at which `json` stands; null if it is none. Some models write the object as a string.
    private static @Nullable String arguments(JsonParser json, String text) throws IOException {
        if (json.currentToken() == JsonToken.VALUE_STRING) {
            return json.getText();
        }
        if (json.currentToken() != JsonToken.START_OBJECT) {
            return null;
        }
        int start = offset(json.currentTokenLocation().getCharOffset());
        json.skipChildren();
        return text.substring(start, offset(json.currentLocation().getCharOffset()));
    }

    private static int offset(long chars) {
        return Math.toIntExact(chars);
    }
}
