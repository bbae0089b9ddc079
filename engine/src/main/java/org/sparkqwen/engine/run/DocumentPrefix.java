package org.sparkqwen.engine.run;

import java.util.Arrays;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.scoring.ScoringOptions.Prefix;
import org.sparkqwen.engine.scoring.Windows;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// The prefix token of a model's documents, according to its files. See docs/decisions/0003-prefix-token.md.
///
/// @param tokenizer null for a model without one
public record DocumentPrefix(@Nullable Tokenizer tokenizer, ModelConfig config) {

    /// The token that a choice stands for; empty if the model has none.
    public OptionalInt token(Prefix prefix, Windows windows) {
        return switch (prefix) {
            case NONE -> OptionalInt.empty();
            case BOS -> beginning();
            case EOS -> windows instanceof Windows.Rolling ? endForHarness() : config.endOfDocument();
        };
    }

    /// The prefix if the user chooses none: the beginning token of models whose tokenizer adds it, else the choice
    /// of the tool that has these windows.
    public Prefix byDefault(Windows windows) {
        if (tokenizer != null && addsBeginning(tokenizer)) {
            return Prefix.BOS;
        }
        return switch (windows) {
            case Windows.Half _ -> Prefix.NONE;
            case Windows.Rolling _ ->
                tokenizer != null && tokenizer.bosToken().isPresent() ? Prefix.BOS : endIfAny(endForHarness());
            case Windows.Strided _ -> endIfAny(config.endOfDocument());
        };
    }

    private static Prefix endIfAny(OptionalInt end) {
        return end.isPresent() ? Prefix.EOS : Prefix.NONE;
    }

    /// The token that lm-evaluation-harness puts before a text that has nothing before it: its `prefix_token_id`.
    OptionalInt ofHarness() {
        return tokenizer != null && tokenizer.bosToken().isPresent() ? tokenizer.bosToken() : endForHarness();
    }

    private static boolean addsBeginning(Tokenizer tokenizer) {
        OptionalInt beginning = tokenizer.bosToken();
        return beginning.isPresent()
                && Arrays.stream(tokenizer.tokensBefore()).anyMatch(id -> id == beginning.getAsInt());
    }

    private OptionalInt beginning() {
        OptionalInt ofTokenizer = tokenizer == null ? OptionalInt.empty() : tokenizer.bosToken();
        return ofTokenizer.isPresent() ? ofTokenizer : config.bosTokenId();
    }

    /// The tokenizer's end token, which in post-trained models ends a turn and not a document.
    private OptionalInt endForHarness() {
        OptionalInt ofTokenizer = tokenizer == null ? OptionalInt.empty() : tokenizer.eosToken();
        return ofTokenizer.isPresent() ? ofTokenizer : config.endOfDocument();
    }
}
