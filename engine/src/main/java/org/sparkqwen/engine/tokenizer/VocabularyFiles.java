package org.sparkqwen.engine.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.sparkqwen.engine.message.Quote;
import org.sparkqwen.engine.modelfile.InvalidModelException;
import org.sparkqwen.engine.modelfile.ModelJson;

/// Reads vocab.json and merges.txt, which say less than a tokenizer.json. The rest is in the code of
/// transformers' Qwen2Tokenizer: NFC, Qwen's pattern, and no post-processing.
final class VocabularyFiles {
    private VocabularyFiles() {}

    /// @throws InvalidModelException as [Tokenizer#of] says
    static TokenizerJson.Content read(byte[] vocabulary, String vocabularyOrigin, byte[] merges, String mergesOrigin) {
        BaseVocabulary base = new BaseVocabulary(vocabularyOrigin, "");
        base.read(ModelJson.parseObject(vocabulary, vocabularyOrigin));
        return new TokenizerJson.Content(
                base,
                merges(base, text(merges, mergesOrigin), mergesOrigin),
                new AddedVocabulary(base.ids()),
                true,
                Affixes.NONE,
                List.of());
    }

    private static String text(byte[] merges, String origin) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(merges))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new InvalidModelException("%s: malformed UTF-8".formatted(origin), e);
        }
    }

    /// Reads the merges. Each line has one merge, as two tokens with a space between them. The first line may
    /// be a version. If a merge occurs twice, its first line counts.
    private static MergeTable merges(BaseVocabulary base, String text, String origin) {
        List<String> lines = text.lines().toList();
        Set<String> seen = new LinkedHashSet<>();
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            boolean version = i == 0 && line.startsWith("#version:");
            if (!version && !line.isEmpty() && seen.add(line)) {
                numbers.add(i + 1);
            }
        }
        MergeTable table = new MergeTable(seen.size());
        int rank = 0;
        for (String line : seen) {
            String where = "%s: line %d".formatted(origin, numbers.get(rank));
            int space = line.indexOf(' ');
            if (space < 0 || space != line.lastIndexOf(' ')) {
                throw new InvalidModelException(
                        "%s: \"%s\", expected two tokens with a space between".formatted(where, Quote.of(line)));
            }
            base.merge(line.substring(0, space), line.substring(space + 1), rank, table, where);
            rank++;
        }
        return table;
    }
}
