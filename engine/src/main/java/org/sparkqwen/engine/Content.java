package org.sparkqwen.engine;

import org.sparkqwen.engine.tokenizer.SpecialTokens;

/// What a request is about.
public sealed interface Content {
    /// Text to tokenize.
    ///
    /// @param special whether `<|endoftext|>` and its like are text or tokens
    record Text(String text, SpecialTokens special) implements Content {}

    /// Ids of a text that is tokenized already; needs no tokenizer.
    record Tokens(int[] ids) implements Content {}

    /// What the caller could not read: comes back as a [Result.Rejected] in its turn.
    record Unreadable(String reason) implements Content {}
}
