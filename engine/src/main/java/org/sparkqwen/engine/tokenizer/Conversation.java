package org.sparkqwen.engine.tokenizer;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;

/// A conversation that a chat template renders.
///
/// @param tools the tools that the model may call, each as a value of JSON: strings, truth values, Long,
///     Double, null, and lists and maps of these; null for none
/// @param thinking the value of `enable_thinking` for the template; null for none
public record Conversation(
        List<Message> messages,
        @Nullable List<?> tools,
        @Nullable Boolean thinking,
        End end) {

    /// The end of the rendered text, after the last message.
    public enum End {
        /// The text ends with the beginning of the assistant's turn.
        NEW_TURN,
        /// The text ends within the last message, which is the assistant's and continues.
        CONTINUED,
        /// The text ends after the last message.
        CLOSED
    }

    public Conversation {
        messages = List.copyOf(messages);
    }

    Conversation withMessages(List<Message> value) {
        return new Conversation(value, tools, thinking, end);
    }
}
