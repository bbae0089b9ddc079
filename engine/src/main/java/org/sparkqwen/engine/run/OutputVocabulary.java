package org.sparkqwen.engine.run;

import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.Constraint;
import org.sparkqwen.engine.constraint.TokenConstraint;
import org.sparkqwen.engine.model.ModelConfig;
import org.sparkqwen.engine.tokenizer.Tokenizer;

/// The tokens that a model may generate, according to its files.
///
/// @param tokenizer null for a model without one
public record OutputVocabulary(@Nullable Tokenizer tokenizer, ModelConfig config) {

    /// The number of ids, from 0 on, that may be generated. Ids above the tokenizer's last are padding of the
    /// embedding.
    public int size() {
        return tokenizer == null ? config.vocabSize() : Math.min(tokenizer.vocabularySize(), config.vocabSize());
    }

    /// Compiles a constraint for these tokens. A constrained text has no added tokens, such as `<think>`,
    /// except the one that ends it.
    ///
    /// @throws IllegalArgumentException with the part of the constraint that cannot be met or is not
    ///     supported, or if the model has no tokenizer
    public TokenConstraint compile(Constraint constraint) {
        if (tokenizer == null) {
            throw new IllegalArgumentException("the model has no tokenizer.json, so its texts cannot be constrained");
        }
        return TokenConstraint.compile(constraint, size(), tokenizer::bytesOf, tokenizer::isAddedToken);
    }
}
