package org.sparkqwen.engine.tokenizer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CancellationException;
import java.util.function.UnaryOperator;
import org.sparkqwen.engine.message.Quote;

/// Turns text into token ids and back, as Hugging Face's tokenizers do with the same tokenizer.json.
///
/// Encoding goes in one direction. Added tokens are cut out of the text. The parts between them are
/// normalized to NFC if the tokenizer does so, and the added tokens of normalized text are cut out of them.
/// The rest is split into words, and the UTF-8 bytes of each word are merged by byte-pair encoding. For every
/// text the time is linear except for a logarithm. A tokenizer is immutable and safe for use by many threads.
public final class Tokenizer {
    /// The number of chars between two checks whether the thread is interrupted, which are some tens of
    /// milliseconds apart.
    private static final int CHARS_BETWEEN_LOOKS = 1 << 18;

    private final Vocabulary vocabulary;
    private final BitSet addedIds;
    private final BitSet specialIds;
    private final AddedTokens ofRawText;
    private final AddedTokens ofNormalizedText;
    private final boolean normalizes;
    private final UnaryOperator<String> normalizer;
    private final BytePairEncoding encoding;
    private final Affixes affixes;
    private final OptionalInt bosToken;
    private final OptionalInt eosToken;
    private final List<String> warnings;

    private Tokenizer(TokenizerJson.Content content, TokenizerConfig config) {
        config.apply();
        vocabulary = new Vocabulary(content.added().ids(content.base().ids()));
        addedIds = content.added().ids();
        specialIds = content.added().specialIds();
        normalizes = content.normalizes();
        normalizer = normalizes ? CanonicalComposition::compose : UnaryOperator.identity();
        ofRawText = content.added().ofRawText();
        ofNormalizedText = content.added().ofNormalizedText(normalizer);
        encoding = new BytePairEncoding(content.base().idOfByte(), content.merges());
        affixes = config.affixes(content.affixes());
        bosToken = config.bosToken();
        eosToken = config.eosToken();
        List<String> lines = new ArrayList<>(content.warnings());
        lines.addAll(config.warnings());
        warnings = List.copyOf(lines);
    }

    /// Reads a tokenizer.json of the kind that Qwen2 and Qwen3 have, without any other file. `truncation` and
    /// `padding` are ignored. They are left from the training that wrote the file, and transformers overrides
    /// them too.
    ///
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException if the file is unreadable, inconsistent,
    ///     or of a kind that would give other ids here than there; the message names the key
    public static Tokenizer read(Path tokenizerJson) {
        return of(TokenizerFiles.ofFile(tokenizerJson));
    }

    /// Reads the tokenizer of a model: tokenizer.json, or vocab.json and merges.txt, with what the files
    /// beside them add, or the metadata of a GGUF file.
    ///
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException as [#read] says, or if there is none
    public static Tokenizer ofModel(Path model) {
        return of(TokenizerFiles.read(model));
    }

    /// Makes a tokenizer from files that were read before.
    ///
    /// @throws org.sparkqwen.engine.modelfile.InvalidModelException as [#read] says
    public static Tokenizer of(TokenizerFiles files) {
        byte[] json = files.content(TokenizerFiles.TOKENIZER);
        TokenizerJson.Content content = json != null
                ? TokenizerJson.read(json, files.origin(TokenizerFiles.TOKENIZER))
                : VocabularyFiles.read(
                        Objects.requireNonNull(files.content(TokenizerFiles.VOCABULARY)),
                        files.origin(TokenizerFiles.VOCABULARY),
                        Objects.requireNonNull(files.content(TokenizerFiles.MERGES)),
                        files.origin(TokenizerFiles.MERGES));
        return new Tokenizer(content, new TokenizerConfig(files, content));
    }

    /// Returns remarks on the files for the user, one line each.
    public List<String> warnings() {
        return warnings;
    }

    /// Returns the ids of a document or prompt with the tokens that the tokenizer puts around every text, as
    /// transformers' `tokenizer(text)` does. Qwen's own tokenizers put none. Qwen3-Embedding's puts
    /// `<|endoftext|>` after the text, and those of models with `add_bos_token` put a token before it.
    public int[] encodeWhole(String text, SpecialTokens special) {
        return withAffixes(encode(text, special));
    }

    /// Returns the ids of a document or prompt in parts, with the tokens that the tokenizer puts around every
    /// text.
    public int[] encodeWhole(List<TextPart> parts) {
        return withAffixes(encode(parts));
    }

    private int[] withAffixes(int[] ids) {
        TokenIds whole = new TokenIds(ids.length + affixes.before().length + affixes.after().length);
        whole.addAll(affixes.before());
        whole.addAll(ids);
        whole.addAll(affixes.after());
        return whole.toArray();
    }

    /// Returns the tokens that the tokenizer puts before every text.
    public int[] tokensBefore() {
        return affixes.before().clone();
    }

    /// Returns the tokens that the tokenizer puts after every text.
    public int[] tokensAfter() {
        return affixes.after().clone();
    }

    /// Returns the `bos_token` of tokenizer_config.json.
    public OptionalInt bosToken() {
        return bosToken;
    }

    /// Returns the `eos_token` of tokenizer_config.json, or Qwen's if there is none. It is `<|im_end|>` for
    /// post-trained models.
    public OptionalInt eosToken() {
        return eosToken;
    }

    /// Encodes `text`. No token is added before or after it.
    ///
    /// @param text a lone surrogate is read as U+FFFD, because it has no UTF-8
    /// @return as many ids as `text` has tokens; the empty text has none
    /// @throws CancellationException if the thread is interrupted while a long text is encoded
    public int[] encode(String text, SpecialTokens special) {
        BitSet asText = new BitSet();
        asText.set(0, special == SpecialTokens.TEXT ? text.length() : 0);
        return encode(text, asText);
    }

    /// Encodes the parts as the one text that they are together. Words and added tokens may reach across
    /// borders. A special token is matched if all of it lies in parts with [SpecialTokens#PARSE]. Elsewhere
    /// it is text.
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

    /// @param asText the chars of `text` that special tokens must not contain
    private int[] encode(String text, BitSet asText) {
        String wellFormed = wellFormed(text);
        TokenIds ids = new TokenIds(wellFormed.length() / 3);
        for (AddedTokens.Piece piece : ofRawText.pieces(wellFormed, asText)) {
            AddedToken token = piece.token();
            if (token != null) {
                ids.add(token.id());
            } else {
                encodeBetween(wellFormed.substring(piece.start(), piece.end()), asText, piece.start(), ids);
            }
        }
        return ids.toArray();
    }

    /// Decodes `ids`. Special tokens become their text, and bytes that are not UTF-8 become U+FFFD. As in
    /// Hugging Face's tokenizers, an id without a token adds nothing.
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

    /// Returns the highest id + 1. A model may have more rows of logits than that.
    public int vocabularySize() {
        return vocabulary.size();
    }

    /// Returns the id of a token of the base vocabulary or of an added token, by its spelling in
    /// tokenizer.json, such as `<|endoftext|>` or `Ġthe`.
    public OptionalInt idOf(String token) {
        return vocabulary.idOf(token);
    }

    /// Returns the bytes to which a token decodes. They need not be whole characters. An id without a token
    /// has none.
    public byte[] bytesOf(int id) {
        return vocabulary.bytes(id).clone();
    }

    /// Says in what another tokenizer differs from this one, for a person, such as `it has 8,192 tokens, not
    /// 151,669`; empty if both give texts the same ids.
    public Optional<String> differenceOf(Tokenizer other) {
        if (vocabularySize() != other.vocabularySize()) {
            return Optional.of("it has %,d tokens, not %,d".formatted(other.vocabularySize(), vocabularySize()));
        }
        for (int id = 0; id < vocabularySize(); id++) {
            if (!Arrays.equals(vocabulary.bytes(id), other.vocabulary.bytes(id))) {
                return Optional.of("token %,d is %s, not %s"
                        .formatted(id, Quote.of(other.decode(new int[] {id})), Quote.of(decode(new int[] {id}))));
            }
        }
        if (!addedIds.equals(other.addedIds) || !specialIds.equals(other.specialIds)) {
            return Optional.of("it has other special tokens");
        }
        if (!encoding.hasMergesOf(other.encoding)) {
            return Optional.of("it has other merges");
        }
        if (normalizes != other.normalizes) {
            return Optional.of("only one of both normalizes texts to NFC");
        }
        return Arrays.equals(affixes.before(), other.affixes.before())
                        && Arrays.equals(affixes.after(), other.affixes.after())
                ? Optional.empty()
                : Optional.of("it puts other tokens around a text");
    }

    /// Tells whether an id is that of an added token, such as `<|endoftext|>` or `<think>`, and not of the
    /// base vocabulary.
    public boolean isAddedToken(int id) {
        return id >= 0 && addedIds.get(id);
    }

    /// Tells whether an id is that of a special token such as `<|endoftext|>`, which is a command and not
    /// text.
    public boolean isSpecialToken(int id) {
        return id >= 0 && specialIds.get(id);
    }

    /// @param asText the chars of the whole text, in which `text` begins at `offset`, that special tokens
    ///     must not contain
    private void encodeBetween(String text, BitSet asText, int offset, TokenIds ids) {
        String normalized = normalizer.apply(text);
        if (ofNormalizedText.isEmpty()) {
            encodeWords(normalized, ids);
            return;
        }
        BitSet normalizedAsText = moved(asText.get(offset, offset + text.length()), text, normalized);
        for (AddedTokens.Piece piece : ofNormalizedText.pieces(normalized, normalizedAsText)) {
            AddedToken token = piece.token();
            if (token != null) {
                ids.add(token.id());
            } else {
                encodeWords(normalized.substring(piece.start(), piece.end()), ids);
            }
        }
    }

    /// Returns the chars of a normalized text that special tokens must not contain. The range that
    /// normalization changed, from the first different char to the last, counts as one. It is text if any of
    /// its chars was.
    private static BitSet moved(BitSet asText, String text, String normalized) {
        if (asText.isEmpty() || text.equals(normalized)) {
            return asText;
        }
        int shorter = Math.min(text.length(), normalized.length());
        int before = 0;
        while (before < shorter && text.charAt(before) == normalized.charAt(before)) {
            before++;
        }
        int longer = normalized.length() - text.length();
        int end = text.length();
        while (end > before && end + longer > before && text.charAt(end - 1) == normalized.charAt(end + longer - 1)) {
            end--;
        }
        BitSet moved = asText.get(0, before);
        if (!asText.get(before, end).isEmpty()) {
            moved.set(before, end + longer);
        }
        for (int i = asText.nextSetBit(end); i >= 0; i = asText.nextSetBit(i + 1)) {
            moved.set(i + longer);
        }
        return moved;
    }

    private void encodeWords(String text, TokenIds ids) {
        int looked = 0;
        for (int start = 0; start < text.length(); ) {
            if (start - looked > CHARS_BETWEEN_LOOKS) {
                looked = start;
                if (Thread.currentThread().isInterrupted()) {
                    throw new CancellationException("interrupted while a text was tokenized");
                }
            }
            int end = PreTokenizer.end(text, start);
            encoding.encode(text, start, end, ids);
            start = end;
        }
    }

    /// Returns `text` with U+FFFD for each lone surrogate, or `text` itself if there is none.
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
