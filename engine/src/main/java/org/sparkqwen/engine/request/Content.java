package org.sparkqwen.engine.request;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.Conversation;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;

/// What a request is about.
public sealed interface Content {
    /// Text to tokenize.
    ///
    /// @param special whether `<|endoftext|>` and its like are text or tokens
    record Text(String text, SpecialTokens special) implements Content {}

    /// Text to tokenize, of which some parts may hold special tokens and others may not: a template and what it is
    /// filled with.
    record Parts(List<TextPart> parts) implements Content {
        /// The parts, joined.
        public String text() {
            return parts.stream().map(TextPart::text).collect(Collectors.joining());
        }
    }

    /// A conversation, which the model's chat template writes down, up to where the assistant's text begins.
    record Chat(Conversation conversation) implements Content {
        /// Without tools; the assistant's turn is begun.
        ///
        /// @param thinking whether the model may think before it answers; null leaves that to the template
        public Chat(List<ChatTemplate.Message> messages, @Nullable Boolean thinking) {
            this(new Conversation(messages, null, thinking, Conversation.End.NEW_TURN));
        }
    }

    /// Ids of a text that is tokenized already; needs no tokenizer.
    record Tokens(int[] ids) implements Content {}

    /// What the caller could not read: comes back as a [Result.Rejected] in its turn.
    record Unreadable(String reason) implements Content {
        public Unreadable {
            reason = Quote.line(reason);
        }
    }
}
