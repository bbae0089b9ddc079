package org.sparkqwen.engine.tokenizer;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.tokenizer.ChatTemplate.Message;

/// What a chat template writes down.
///
/// @param tools that the model may call, each as JSON has it: strings, truth values, Long, Double, null, lists and maps
///     of these; null for none
/// @param thinking what the template finds as `enable_thinking`; null for nothing
public record Conversation(
        List<Message> messages,
        @Nullable List<?> tools,
        @Nullable Boolean thinking,
        End end) {

    /// What comes after the last message.
    public enum End {
        /// The assistant's turn is begun.
        NEW_TURN,
        /// The last message, which is the assistant's, goes on.
        CONTINUED,
        /// Nothing.
        CLOSED
    }

    public Conversation {
        messages = List.copyOf(messages);
    }

    Conversation withMessages(List<Message> value) {
        return new Conversation(value, tools, thinking, end);
    }
}
