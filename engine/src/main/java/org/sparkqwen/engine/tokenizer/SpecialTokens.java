package org.sparkqwen.engine.tokenizer;

/// What the text of a special token, such as `<|endoftext|>`, means when text is encoded.
///
/// Added tokens that are not special, such as `<think>`, are always matched.
public enum SpecialTokens {
    /// It is text like any other: a document cannot end itself. Hugging Face calls this
    /// `encode_special_tokens=True`.
    TEXT,
    /// It becomes the special token's id.
    PARSE
}
