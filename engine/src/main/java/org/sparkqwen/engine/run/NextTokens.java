package org.sparkqwen.engine.run;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.TokenChoice;
import org.sparkqwen.engine.kernels.TokenChooser;
import org.sparkqwen.engine.model.Transformer;

/// Chooses the next tokens of several texts from the model's logits: on all threads of the host, or where the logits
/// are if the kernels can do so.
final class NextTokens {
    private final int vocabulary;
    private final int choosable;

    NextTokens(LoadedModel model) {
        vocabulary = model.config().vocabSize();
        choosable = model.outputVocabulary().size();
    }

    /// Chooses a token for each text, which takes it.
    ///
    /// @param hidden `[texts, hidden]`, the state of each text's last token
    /// @param texts at least one
    void choose(Transformer transformer, MemorySegment hidden, List<Continuation> texts) {
        MemorySegment logits = transformer.logits(hidden, texts.size());
        Optional<TokenChooser> chooser = transformer.tokenChooser();
        if (chooser.isPresent()) {
            chooseByKernels(transformer, chooser.get(), logits, texts);
        } else {
            chooseOnHost(transformer, logits, texts);
        }
    }

    private void chooseOnHost(Transformer transformer, MemorySegment logits, List<Continuation> texts) {
        int rows = texts.size();
        double[] sums = transformer.logSumExp(logits, rows);
        int[] likeliest = transformer.likeliest(logits, rows, choosable);
        MemorySegment readable = transformer.logitsOnHost(rows);
        transformer.each(
                rows, i -> texts.get(i).advance(row(readable, i), sums[i], likeliest[i], transformer::exponentials));
    }

    /// Lets the kernels choose. Logits come to the host only if a text wants its most likely tokens.
    private void chooseByKernels(
            Transformer transformer, TokenChooser chooser, MemorySegment logits, List<Continuation> texts) {
        int rows = texts.size();
        TokenChoice[] choices = new TokenChoice[rows];
        transformer.each(rows, i -> choices[i] = texts.get(i).choice());
        int[] tokens = new int[rows];
        float[] chosen = new float[rows];
        double[] sums = new double[rows];
        chooser.choose(logits, vocabulary, choosable, List.of(choices), tokens, chosen, sums);
        @Nullable
        MemorySegment readable = texts.stream().anyMatch(Continuation::ranks) ? transformer.logitsOnHost(rows) : null;
        transformer.each(
                rows,
                i -> texts.get(i)
                        .take(choices[i], tokens[i], chosen[i], sums[i], readable == null ? null : row(readable, i)));
    }

    /// The logits of a text's tokens that may be chosen.
    private MemorySegment row(MemorySegment logits, int text) {
        long rowBytes = (long) vocabulary * Float.BYTES;
        return logits.asSlice(text * rowBytes, (long) choosable * Float.BYTES);
    }
}
