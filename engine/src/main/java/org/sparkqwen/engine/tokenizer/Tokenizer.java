package org.sparkqwen.engine.tokenizer;

import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CancellationException;

/// Text to token ids and back, as Hugging Face's tokenizers do with the same tokenizer.json.
///
/// Encoding goes in one direction: added tokens are cut out of the text; what lies between them is normalized to NFC,
/// split into words, and each word's UTF-8 bytes are merged by byte-pair encoding. Its time is linear in the text but
/// for a logarithm, whatever the text. Immutable and safe for use by many threads.
public final class Tokenizer {
    /// Between two looks at whether the thread is interrupted; some tens of milliseconds.
    private static final int CHARS_BETWEEN_LOOKS = 1 << 18;

    private final Vocabulary vocabulary;
    private final AddedTokens addedTokens;
    private final BytePairEncoding encoding;

    Tokenizer(Vocabulary vocabulary, AddedTokens addedTokens, BytePairEncoding encoding) {
        this.vocabulary = vocabulary;
        this.addedTokens = addedTokens;
        this.encoding = encoding;
    }

    /// Reads a tokenizer of the kind that Qwen2 and Qwen3 have. `truncation` and `padding` are passed over: they
    /// are left from the training that wrote the file, and transformers overrides them too.
    ///
    /// @throws org.sparkqwen.engine.checkpoint.InvalidModelException if the file is unreadable, inconsistent, or of
    ///     a kind that would give other ids here than there; the message names the key
    public static Tokenizer read(Path tokenizerJson) {
        return TokenizerJson.read(tokenizerJson);
    }

    /// Encodes `text`; no token is added before or after it.
    ///
    /// @param text a surrogate without its other half is read as U+FFFD, since it has no UTF-8
    /// @return as many ids as `text` has tokens, none for the empty text
    /// @throws CancellationException if the thread is interrupted while a long text is encoded
    public int[] encode(String text, SpecialTokens special) {
        BitSet asText = new BitSet();
        asText.set(0, special == SpecialTokens.TEXT ? text.length() : 0);
        return encode(text, asText);
    }

    /// Encodes the parts as the one text that they are together: words and added tokens reach across borders. A
    /// special token is matched where all of it lies in parts that say [SpecialTokens#PARSE]; elsewhere it is text.
    public int[] encode(List<TextPart> parts) {
        StringBuilder text = new StringBuilder();
        BitSet asText = new BitSet();
        for (TextPart part : parts) {
            int start = text.length();
            text.append(part.text());
            if (part.special() == SpecialTokens.TEXT) {
                asText.set(start, text.length());
            }
        }
        return encode(text.toString(), asText);
    }

    /// @param asText the chars of `text` that special tokens may not be made of
    private int[] encode(String text, BitSet asText) {
        String wellFormed = wellFormed(text);
        TokenIds ids = new TokenIds(wellFormed.length() / 3);
        int start = 0;
        int searched = 0;
        for (AddedTokens.Match match = addedTokens.next(wellFormed, searched);
                match != null;
                match = addedTokens.next(wellFormed, searched)) {
            searched = match.end();
            int firstAsText = asText.nextSetBit(match.start());
            if (match.token().special() && 0 <= firstAsText && firstAsText < match.end()) {
                continue; // as text it belongs to what surrounds it
            }
            encodeBetween(wellFormed.substring(start, match.start()), ids);
            ids.add(match.token().id());
            start = match.end();
        }
        encodeBetween(wellFormed.substring(start), ids);
        return ids.toArray();
    }

    /// Decodes `ids`, special tokens as their text. Bytes that are not UTF-8 become U+FFFD; an id without a token
    /// adds nothing, as in Hugging Face's tokenizers.
    public String decode(int[] ids) {
        Utf8Decoder utf8 = new Utf8Decoder();
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            utf8.decode(vocabulary.bytes(id), text);
        }
        utf8.finish(text);
        return text.toString();
    }

    /// Returns a decoder for one sequence of ids that are not all known yet.
    public StreamingDecoder streamingDecoder() {
        return new StreamingDecoder(vocabulary);
    }

    /// The highest id + 1. A model may have more rows of logits than that.
    public int vocabularySize() {
        return vocabulary.size();
    }

    /// The id of a token of the base vocabulary or of an added one, by its spelling in tokenizer.json:
    /// `<|endoftext|>`, `Ġthe`.
    public OptionalInt idOf(String token) {
        return vocabulary.idOf(token);
    }

    /// The bytes that a token decodes to, which need not be whole characters; none for an id without a token.
    public byte[] bytesOf(int id) {
        return vocabulary.bytes(id).clone();
    }

    /// Whether an id is that of an added token, such as `<|endoftext|>` or `<think>`, rather than of the base
    /// vocabulary.
    public boolean isAddedToken(int id) {
        return addedTokens.contains(id);
    }

    /// Whether an id is that of a special token, such as `<|im_end|>`: a command rather than text. `<think>` is
    /// added and not special.
    public boolean isSpecialToken(int id) {
        return addedTokens.isSpecial(id);
    }

    private void encodeBetween(String text, TokenIds ids) {
        String normalized = CanonicalComposition.compose(text);
        int looked = 0;
        for (int start = 0; start < normalized.length(); ) {
            if (start - looked > CHARS_BETWEEN_LOOKS) {
                looked = start;
                if (Thread.currentThread().isInterrupted()) {
                    throw new CancellationException("interrupted while a text was tokenized");
                }
            }
            int end = PreTokenizer.end(normalized, start);
            encoding.encode(normalized, start, end, ids);
            start = end;
        }
    }

    /// `text` with U+FFFD for each surrogate that stands alone; `text` itself if there is none.
    static String wellFormed(String text) {
        StringBuilder repaired = null;
        for (int i = 0; i < text.length(); i++) {
            if (!Character.isSurrogate(text.charAt(i))) {
                continue;
            }
            if (i + 1 < text.length() && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1))) {
                i++;
            } else {
                repaired = repaired == null ? new StringBuilder(text) : repaired;
                repaired.setCharAt(i, '\uFFFD');
            }
        }
        return repaired == null ? text : repaired.toString();
    }
}
