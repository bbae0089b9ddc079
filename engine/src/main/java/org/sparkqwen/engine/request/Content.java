package org.sparkqwen.engine.request;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.tokenizer.ChatTemplate;
import org.sparkqwen.engine.tokenizer.Conversation;
import org.sparkqwen.engine.tokenizer.SpecialTokens;
import org.sparkqwen.engine.tokenizer.TextPart;

/// The content of a request.
public sealed interface Content {
    /// Text to tokenize.
    ///
    /// @param special whether `<|endoftext|>` and similar tokens in the text are special tokens or plain text
    record Text(String text, SpecialTokens special) implements Content {}

    /// Text to tokenize of which some parts may hold special tokens and others may not, such as a template and the
    /// texts that fill it.
    record Parts(List<TextPart> parts) implements Content {
        /// The text of all parts, joined.
        public String text() {
            return parts.stream().map(TextPart::text).collect(Collectors.joining());
        }
    }

    /// Text between a beginning and an end that belong to the prompt. The three are tokenized apart. If they are
    /// too long together, the end of the text is cut.
    ///
    /// @param before what comes before the text; special tokens in it are special tokens
    /// @param after what comes after the text; special tokens in it are special tokens
    record Framed(String before, Text text, String after) implements Content {}

    /// A conversation, which the model's chat template renders up to the start of the assistant's text.
    record Chat(Conversation conversation) implements Content {
        /// Makes a conversation without tools, in which the assistant's turn has begun.
        ///
        /// @param thinking whether the model may think before it answers; null leaves the choice to the
        ///     template
        public Chat(List<ChatTemplate.Message> messages, @Nullable Boolean thinking) {
            this(new Conversation(messages, null, thinking, Conversation.End.NEW_TURN));
        }
    }

    /// Ids of a text that is tokenized already, which need no tokenizer.
    record Tokens(int[] ids) implements Content {}

    /// Content that the caller could not read. It comes back as a [Result.Rejected] in its turn.
    record Unreadable(String reason) implements Content {
        public Unreadable {
            reason = Quote.line(reason);
        }
    }
}
