package org.sparkqwen.engine.tokenizer;

/// Decodes tokens as they are generated. A token may end inside a character. Its bytes are held back until
/// the character is complete, so the text never changes after it was returned.
///
/// The pieces together are the result of [Tokenizer#decode] for the same ids. A decoder is for one sequence
/// and one thread.
public final class StreamingDecoder {
    private final Vocabulary vocabulary;
    private final Utf8Decoder utf8 = new Utf8Decoder();
    private final StringBuilder complete = new StringBuilder();

    StreamingDecoder(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
    }

    /// Takes the next token and returns the text that is complete now, which may be empty.
    ///
    /// @param id an id without a token adds nothing
    public String accept(int id) {
        utf8.decode(vocabulary.bytes(id), complete);
        return taken();
    }

    /// Ends the text. It returns U+FFFD if the last character is incomplete, and nothing otherwise. A new
    /// text may follow.
    public String finish() {
        utf8.finish(complete);
        return taken();
    }

    private String taken() {
        String text = complete.toString();
        complete.setLength(0);
        return text;
    }
}
